/** What is said between the thread that serves and the one that reads messages. @module */
import type { Content } from "./content.ts";

/** Says that messages can be read from now on. */
export const READY = "ready";

/**
 * A message to be read. Here and in the answer, octets are handed over as bare buffers: Deno looks at each
 * element of an array that it hands to or takes from a worker of this kind, which takes 0.2 s for a
 * mebibyte.
 */
export interface WorkerRequest {
  readonly buffer: ArrayBuffer;
  /** How much of the buffer is the message. */
  readonly length: number;
  readonly isCut: boolean;
}

/** A message as it was read. */
export interface WorkerAnswer {
  readonly content: Content;
  /** The octets of its parts. */
  readonly buffers: readonly ArrayBuffer[];
}
