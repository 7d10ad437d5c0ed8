// `$ref`s of a schema that lead back to themselves with nothing between, which JSON Schema forbids (core, 9.4.1): no text obeys them,
// and xgrammar takes them all the same.
import { RwkvError } from '../shared/errors.js';

/** Parts of a schema that hold values, not schemas. */
export const values: ReadonlySet<string> = new Set(['const', 'enum', 'default', 'examples']);

/** Keywords whose only member says all. */
const choices = ['allOf', 'anyOf', 'oneOf'] as const;

/** @throws RwkvError `invalid-argument` naming the place of the schema */
export function checkReferences(schema: unknown): void {
  const sound = new Set<object>();
  const parts = [{ part: schema, place: '#' }];
  for (let next = parts.pop(); next; next = parts.pop()) {
    const { part, place } = next;
    if (!isObject(part)) continue;
    if (leadsBack(part, schema, sound))
      throw new RwkvError(
        'invalid-argument',
        `option jsonSchema: ${place}: expected a $ref that ends at a schema; it leads back to itself`,
      );
    for (const [key, value] of Object.entries(part))
      if (!values.has(key)) parts.push({ part: value, place: `${place}/${key}` });
  }
}

// `sound`: those that were seen to end somewhere.
function leadsBack(start: object, root: unknown, sound: Set<object>): boolean {
  const path = new Set<object>();
  let at: unknown = start;
  while (isObject(at) && !sound.has(at)) {
    if (path.has(at)) return true;
    path.add(at);
    at = followed(at, root);
  }
  for (const part of path) sound.add(part);
  return false;
}

/** The schema that a part stands for, where it is another. */
function followed(part: object, root: unknown): unknown {
  const reference = member(part, '$ref');
  if (typeof reference === 'string')
    return /^#(\/|$)/.test(reference) ? reference.split('/').slice(1).reduce(member, root) : undefined;
  for (const choice of choices) {
    const members = member(part, choice);
    if (Array.isArray(members) && members.length === 1) return members[0];
  }
  return undefined;
}

function member(part: unknown, key: string): unknown {
  return isObject(part) && Object.hasOwn(part, key) ? Reflect.get(part, key) : undefined;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}
