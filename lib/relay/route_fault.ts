/** What is wrong with a route, as an error. @module */

/** Makes the error; it never shows the text of the route itself, which may hold a password. */
export function routeFault(why: string): SyntaxError {
  return new SyntaxError(`Cannot use the route: ${why}`);
}
