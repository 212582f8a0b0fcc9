/** Why hooks cannot be used. @module */

/** Hooks cannot be used: their module is bad, or their process does not start. */
export class HooksError extends Error {
  override readonly name = "HooksError";
  /** Why, for the middle of a message. */
  readonly reason: string;

  /** Makes the error from the reason and, where there is one, what it came of. */
  constructor(reason: string, cause?: unknown) {
    super(`Cannot use the hooks: ${reason}`, { cause });
    this.reason = reason;
  }
}
