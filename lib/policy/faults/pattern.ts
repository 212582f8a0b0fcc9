/** Patterns for addresses and names. @module */

/**
 * Whether a text is as a pattern says, in which `*` stands for any characters, or none. Case does not
 * matter. It takes time in proportion to both lengths at most, whatever the pattern.
 */
export function fits(pattern: string, text: string): boolean {
  const whole = text.toLowerCase();
  const [first, ...others] = pattern.toLowerCase().split("*");
  const last = others.pop();
  if (last === undefined) return whole === first;
  if (!whole.startsWith(first)) return false;
  let at = first.length;
  for (const part of others) {
    const found = whole.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return whole.length - at >= last.length && whole.endsWith(last);
}
