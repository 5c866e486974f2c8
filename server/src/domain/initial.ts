import { encodeField, MAX_ENCODED_BYTES } from './encode.js';
import { FIELDS, type Policy, type Scalars } from './policy.js';
import { problemsText, readSource } from './policy-file.js';
import { checkPolicyJson, fromValidJson, type PolicyJson } from './policy-json.js';

/**
 * The policy in the text of a YAML or JSON file; what is absent takes the defaults or is empty.
 * @param source the name of the file, for errors.
 * @throws Error with every problem on a line of its own: file, line, field, rule.
 */
export function parseInitial(text: string, source: string, defaults: Scalars): Policy {
  const file = readSource(text, source);
  const findings = checkPolicyJson(file.value);
  if (findings.length > 0) throw new Error(problemsText(findings, file, source, 'the policy'));
  const policy = fromValidJson(file.value as PolicyJson, defaults);
  const size = FIELDS.reduce((sum, field) => sum + encodeField(policy, field).length, 0);
  if (size > MAX_ENCODED_BYTES) {
    throw new Error(`${source}: the policy must be at most 1 MiB encoded, got ${size} bytes`);
  }
  return policy;
}
