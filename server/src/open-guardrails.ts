import type { Logger } from 'pino';

import { BadSettings, type Config } from './config/config.js';
import { type Guardrails, parseGuardrails } from './domain/guardrails/parse-guardrails.js';
import type { GuardrailSource } from './engine/guard.js';
import { watchFile } from './watched-file.js';

/** The guardrails of a file as it is now; a version that cannot be used leaves the last good one in force. */
export interface OpenGuardrails extends GuardrailSource {
  close(): void;
}

/**
 * The guardrails of the file that is set, which is read again when it changes. Undefined: none is.
 * @throws BadSettings for a file that cannot be used.
 */
export function openGuardrails(
  { guardrailsPath, namespaces }: Config,
  log: Logger,
): OpenGuardrails | undefined {
  try {
    return guardrailsPath === undefined ? undefined : openGuardrailsFile(guardrailsPath, namespaces, log);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new BadSettings([`POLICY_GUARDRAILS (--guardrails): ${message}`]);
  }
}

/** @throws Error that says how to mend the file. */
function openGuardrailsFile(path: string, namespaces: readonly string[], log: Logger): OpenGuardrails {
  const parse = (bytes: Buffer): Guardrails => parseGuardrails(bytes.toString(), path, namespaces);
  const file = watchFile(path, parse, {
    loaded({ rules }) {
      log.info({ rules: rules.map(({ name }) => name) }, `guardrails changed: ${path} is in force`);
    },
    refused(error) {
      log.error(`guardrails NOT changed: what was in force stays, for ${error.message}`);
    },
  });
  const names = file.current.rules.map(({ name }) => name);
  log.info({ rules: names }, `guardrails in force: ${names.length === 0 ? 'none' : names.join(', ')}`);
  return {
    rulesIn: (namespace) => file.current.in(namespace),
    close: () => {
      file.close();
    },
  };
}
