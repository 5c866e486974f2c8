import { encodeField, MAX_ENCODED_BYTES } from './encode.js';
import { FIELDS, type Policy, type Scalars } from './policy.js';
import { parsePolicyFile, type PolicyFile } from './policy-file.js';
import { checkPolicyJson, fromValidJson, type PolicyJson } from './policy-json.js';
import { type Finding, pathText } from './violation.js';

/**
 * The policy in the text of a YAML or JSON file; what is absent takes the defaults or is empty.
 * @param source the name of the file, for errors.
 * @throws Error with every problem on a line of its own: file, line, field, rule.
 */
export function parseInitial(text: string, source: string, defaults: Scalars): Policy {
  const file = readFile(text, source);
  const findings = checkPolicyJson(file.value);
  if (findings.length > 0) throw new Error(problemsText(findings, file, source));
  const policy = fromValidJson(file.value as PolicyJson, defaults);
  const size = FIELDS.reduce((sum, field) => sum + encodeField(policy, field).length, 0);
  if (size > MAX_ENCODED_BYTES) {
    throw new Error(`${source}: the policy must be at most 1 MiB encoded, got ${size} bytes`);
  }
  return policy;
}

function readFile(text: string, source: string): PolicyFile {
  try {
    return parsePolicyFile(text);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${source} is neither YAML nor JSON that can be used: ${why}`, { cause });
  }
}

const MAX_PROBLEMS = 20;

function problemsText(findings: readonly Finding[], file: PolicyFile, source: string): string {
  const lines = findings
    .slice(0, MAX_PROBLEMS)
    .map(({ path, description }) =>
      [`${source}, line ${file.lineOf(path)}:`, pathText(path) || 'the policy', description].join(' '),
    );
  const more = findings.length - lines.length;
  return [...lines, ...(more > 0 ? [`${source}: and ${more} more`] : [])].join('\n');
}
