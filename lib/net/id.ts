/** Short names for sessions. @module */

/** Without vowels, so that no word comes about. */
const LETTERS = "0123456789bcdfghjklmnpqrstvwxz";
const LENGTH = 10;

let pool = new Uint8Array(0);
let position = 0;

/** Makes a name of ten characters, random enough (49 bits) that no two sessions of a host share one. */
export function newId(): string {
  if (position + LENGTH > pool.length) {
    // Asking the system for randomness once for each name would cost more than the rest of a reply.
    pool = crypto.getRandomValues(new Uint8Array(4096));
    position = 0;
  }
  let id = "";
  for (let i = 0; i < LENGTH; i++) id += LETTERS[pool[position++] % LETTERS.length];
  return id;
}
