import type { Rows, Session } from './session.js';

interface Settings {
  readonly fsync: string;
  readonly pages: string;
}

/** What of a server's settings may cost acknowledged changes, one sentence each, in words for the operator. */
export async function durabilityWarnings(session: Session, where: string): Promise<string[]> {
  const { rows } = (await session.query(
    "SELECT current_setting('fsync') AS fsync, current_setting('full_page_writes') AS pages",
  )) as Rows<Settings>;
  const warnings: string[] = [];
  if (rows[0]?.fsync === 'off') {
    warnings.push(
      `${where} has fsync off: at a power loss acknowledged changes, or all of them, may be lost. Set fsync = on.`,
    );
  }
  if (rows[0]?.pages === 'off') {
    warnings.push(
      `${where} has full_page_writes off: a power loss may corrupt the policy. Set full_page_writes = on.`,
    );
  }
  return warnings;
}
