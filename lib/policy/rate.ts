/** So many of something in a time, as limits are given. @module */

/** So many in so many milliseconds. */
export interface Rate {
  readonly count: number;
  readonly period: number;
}
