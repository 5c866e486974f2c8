import { ExitCode } from '../exit-codes.js';
import type { Check } from './check.js';
import { READ_CHECKS } from './read-checks.js';
import { failed, type Outcome, outcomeText, summaryOf, summaryText } from './report.js';
import {
  type Answer,
  createSession,
  type Session,
  type SessionOptions,
  Unexpected,
  Unreachable,
} from './session.js';
import { createWriteChecks } from './write-checks.js';

export interface RestCheckOptions extends SessionOptions {
  /** Also writes, and takes back what it wrote. */
  readonly write: boolean;
  /** One JSON document at the end, rather than lines for people. */
  readonly json: boolean;
  /** Takes lines of results. */
  readonly tell: (line: string) => void;
  /** Takes lines about what goes on, which are no result. */
  readonly remark: (line: string) => void;
}

/**
 * Checks whether a server speaks the REST interface, and tells of each thing that it promises whether it holds.
 * @returns the exit code: 0 all holds, 1 something does not, 5 the server does not answer or is not ready.
 */
export async function restCheck(options: RestCheckOptions): Promise<number> {
  const { url, write, json, tell, remark } = options;
  const session = createSession(options);
  const outcomes: Outcome[] = [];
  const note = (outcome: Outcome): void => {
    outcomes.push(outcome);
    if (!json) tell(outcomeText(outcome));
  };
  remark(`${url}${write ? '' : ': only looking; --write also tries writes, and takes them back'}`);
  let left: readonly string[] = [];
  try {
    if (!(await isReady(session))) {
      remark(`${url} answers and is not ready: it has no policy yet. Look at its log.`);
      return ExitCode.UNAVAILABLE;
    }
    for (const check of READ_CHECKS) note(await outcomeOf(check, session));
    if (write) left = await checkWrites(session, note);
  } catch (error) {
    if (!(error instanceof Unreachable)) throw error;
    remark(`${error.message}. Is the server's POLICY_HTTP_ADDR the address that was asked?`);
    return ExitCode.UNAVAILABLE;
  }
  const summary = summaryOf(outcomes);
  if (json) tell(JSON.stringify({ url, ...summary, outcomes, left }, null, 2));
  else tell(summaryText(summary));
  for (const line of left) remark(line);
  return summary.failed === 0 && left.length === 0 ? ExitCode.OK : ExitCode.FAILURE;
}

/** Whatever happens meanwhile, what was written is taken back. */
async function checkWrites(session: Session, note: (outcome: Outcome) => void): Promise<readonly string[]> {
  const { checks, undo } = createWriteChecks();
  try {
    for (const check of checks) note(await outcomeOf(check, session));
  } catch (error) {
    await undo(session).catch(() => undefined);
    throw error;
  }
  return undo(session);
}

async function outcomeOf({ title, mayBeDenied = false, run }: Check, session: Session): Promise<Outcome> {
  try {
    await run(session);
    return { result: 'ok', title };
  } catch (error) {
    if (!(error instanceof Unexpected)) throw error;
    const { answer, difference } = error;
    if (mayBeDenied && answer.status === 403) return { result: 'denied', title, detail: detailOf(answer) };
    return failed(title, answer, difference);
  }
}

/** What the answer says for itself. */
function detailOf({ status, text }: Answer): string {
  const said = /"detail":("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  return said === undefined ? String(status) : String(JSON.parse(said));
}

/** A server that knows nothing of /readyz may be ready all the same; its checks will tell. */
async function isReady({ call }: Session): Promise<boolean> {
  return (await call('GET /readyz')).status !== 503;
}
