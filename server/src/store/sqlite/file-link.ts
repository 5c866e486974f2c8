import type { LogBounds, StoreUnavailable } from '../store.js';
import { FileReplaced } from './file-replaced.js';
import { startWorker, type WorkerLink } from './worker-link.js';
import type { WorkerCalls } from './worker-protocol.js';

const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './worker-from-source.mjs' : './worker.js',
  import.meta.url,
);

/** The main thread's end of whatever file is at the path. */
export interface FileLink {
  /** Opens it, unless it is open. @throws StoreUnavailable, StoreUnusable */
  open(): Promise<void>;
  /**
   * Asks the open file. Where there is none, since it was replaced, what is at the path by now is opened first.
   * @throws FileReplaced, StoreUnavailable, StoreUnusable
   */
  readonly call: WorkerLink['call'];
  /** Has the open file verified; does nothing while none is. */
  verify(): Promise<void>;
  /** Closes it after what it was given so far; resolves when it is free for others. */
  end(): Promise<void>;
}

export interface FileLinkOptions {
  readonly path: string;
  readonly bounds: LogBounds;
  /** The file that was open was replaced or removed. */
  readonly onReplaced: (error: FileReplaced) => void;
  /** The thread died by itself, and is not replaced. */
  readonly onLost: (error: StoreUnavailable) => void;
}

/** Each file has a thread of its own, since only the end of its thread is sure to close a file. */
export function createFileLink({ path, bounds, onReplaced, onLost }: FileLinkOptions): FileLink {
  let link: WorkerLink | undefined;
  let opening: Promise<WorkerLink> | undefined;
  let closed: Promise<void> | undefined;

  function reach(): Promise<WorkerLink> {
    opening ??= start().finally(() => {
      opening = undefined;
    });
    return opening;
  }

  async function start(): Promise<WorkerLink> {
    await closed;
    const started = startWorker(WORKER, (error) => {
      if (link === started) onLost(error);
    });
    try {
      await started.call('open', path, bounds);
    } catch (error) {
      await started.end();
      throw error;
    }
    link = started;
    return started;
  }

  async function call<O extends keyof WorkerCalls>(
    op: O,
    ...args: Parameters<WorkerCalls[O]>
  ): Promise<ReturnType<WorkerCalls[O]>> {
    const asked = link ?? (await reach());
    try {
      return await asked.call(op, ...args);
    } catch (error) {
      if (error instanceof FileReplaced && link === asked) {
        link = undefined;
        closed = asked.end();
        onReplaced(error);
      }
      throw error;
    }
  }

  return {
    async open() {
      if (!link) await reach();
    },
    call,
    async verify() {
      if (link) await call('verify');
    },
    async end() {
      await opening?.catch(() => undefined);
      await link?.end();
      await closed;
    },
  };
}
