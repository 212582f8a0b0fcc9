/** Time as a value that is passed in, so that a test can let five minutes pass at once. @module */

/** Tells the time and wakes. */
export interface Clock {
  /** Milliseconds since the epoch. */
  now(): number;
  /** Calls `wake` once after `delay` milliseconds, unless the answered handle is disposed first. */
  after(delay: number, wake: () => void): Disposable;
}
