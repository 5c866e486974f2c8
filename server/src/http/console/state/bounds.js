const KEYWORDS = ['minimum', 'maximum', 'exclusiveMinimum', 'exclusiveMaximum', 'enum', 'const'];

/**
 * What the guardrails say, from the operator's schema and the step limits: bounds of each field that hold whatever the
 * others are, and all rules in words. What depends on several fields is left to the server, which says so in its refusal.
 */
export function readBounds({ schema, step_limits: steps = [] }) {
  const fields = {};
  for (const part of unconditional(schema)) {
    for (const [field, rule] of Object.entries(part.properties ?? {})) {
      fields[field] = tightest(fields[field] ?? {}, rule);
    }
  }
  return { fields, steps: steps.map((step) => ({ ...step, text: stepText(step) })) };
}

function* unconditional(schema) {
  if (typeof schema !== 'object' || schema === null) return;
  yield schema;
  for (const part of schema.allOf ?? []) yield* unconditional(part);
}

function tightest(known, rule) {
  const next = { ...known };
  for (const key of KEYWORDS) {
    if (rule[key] === undefined) continue;
    if (key === 'minimum' || key === 'exclusiveMinimum')
      next[key] = Math.max(next[key] ?? -Infinity, rule[key]);
    else if (key === 'enum')
      next.enum = (next.enum ?? rule.enum).filter((value) => rule.enum.includes(value));
    else if (key === 'const') next.enum = [rule.const];
    else next[key] = Math.min(next[key] ?? Infinity, rule[key]);
  }
  return next;
}

function stepText({ per_change: change, per_hour: hour }) {
  const parts = [change != null && `${change} per change`, hour != null && `${hour} per hour`];
  return `at most ${parts.filter(Boolean).join(', ')}`;
}
