/** Maps that hold a limited number of entries. @module */

/** Puts an entry last; where there are `most` others, the one that was put longest ago makes room. */
export function putLast<Key, Value>(
  map: Map<Key, Value>,
  key: Key,
  value: Value,
  most: number,
): void {
  map.delete(key);
  if (map.size >= most) map.delete(map.keys().next().value!);
  map.set(key, value);
}
