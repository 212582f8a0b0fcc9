/** What goes wrong in a store, apart from its being full. @module */

/**
 * The kind of a {@linkcode StoreError}:
 *
 * - `locked`: another process writes to the state directory
 * - `damaged`: the database, or the one message that was asked for, cannot be read
 * - `newer`: the state directory was written by a later version of this program
 * - `busy`: something else held the database for too long
 * - `closed`: the store was closed, or its worker ended
 * - `missing`: there is no such message, or no queue
 * - `uncertain`: what was asked for may be done, or undone, or turn out to be done at the next start
 * - `failed`: anything else; the message says what
 */
export type StoreErrorKind =
  | "locked"
  | "damaged"
  | "newer"
  | "busy"
  | "closed"
  | "missing"
  | "uncertain"
  | "failed";

/** A store could not do what it was asked to. Its message begins with what cannot be done. */
export class StoreError extends Error {
  override readonly name = "StoreError";
  /** What kind of error it is, for the one who has to decide what to do about it. */
  readonly kind: StoreErrorKind;

  /** Makes the error. */
  constructor(kind: StoreErrorKind, message: string, options?: ErrorOptions) {
    super(message, options);
    this.kind = kind;
  }
}

/** Whether what failed so may be done all the same. */
export function isUncertain(error: unknown): boolean {
  return error instanceof StoreError && error.kind === "uncertain";
}

/** Says that there is no message of this id. */
export function noSuchMessage(id: string): StoreError {
  return new StoreError("missing", `Cannot read message ${id}: there is none`);
}
