import { parentPort, type MessagePort } from 'node:worker_threads';

import { StoreUnavailable, StoreUnusable } from '../store.js';
import { FileReplaced } from './file-replaced.js';
import { openStoreFile, type StoreFile } from './store-file.js';
import type { WorkerReply, WorkerRequest } from './worker-protocol.js';

/** Serves one store file to the thread at the other end of the port, until told to close it. */
function serve(port: MessagePort): void {
  let file: StoreFile | undefined;

  function perform(request: WorkerRequest): WorkerReply {
    if (request.op === 'open') {
      file = openStoreFile(...request.args);
      return { value: undefined };
    }
    if (!file) throw new StoreUnavailable('The store file was not opened', { sent: false });
    switch (request.op) {
      case 'load':
        return { value: file.load(...request.args) };
      case 'commit':
        return { value: file.commit(...request.args) };
      case 'changes':
        return { value: file.changes(...request.args) };
      case 'after':
        return { value: file.after(...request.args) };
      case 'verify':
        file.verify();
        return { value: undefined };
      case 'close':
        file.close();
        return { value: undefined };
    }
  }

  port.on('message', (request: WorkerRequest) => {
    try {
      port.postMessage(perform(request));
    } catch (error) {
      // Anything else is a bug: it ends the thread, and the main thread tells so.
      if (!(error instanceof StoreUnusable || error instanceof StoreUnavailable)) throw error;
      port.postMessage({
        failed: failureOf(error),
        message: error.message,
        sent: error instanceof StoreUnavailable && error.sent,
      } satisfies WorkerReply);
    }
    if (request.op === 'close') port.close();
  });
}

function failureOf(error: StoreUnusable | StoreUnavailable): 'unusable' | 'unavailable' | 'replaced' {
  if (error instanceof FileReplaced) return 'replaced';
  return error instanceof StoreUnusable ? 'unusable' : 'unavailable';
}

if (parentPort) serve(parentPort);
