/** Text in command lines of shells. @module */

/** Makes one word of a text, in which bash, zsh and sh find nothing but text. */
export function shellWord(text: string): string {
  return /^[\w./=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
