/** What the index and its worker say to each other. @module */
import type { SyncIndex } from "./sqlite_index.ts";

/** The first message to the worker. */
export interface Begin {
  readonly directory: string;
}

/** A call, which is answered under its number. */
export interface IndexCall {
  readonly number: number;
  readonly name: keyof SyncIndex;
  readonly values: readonly unknown[];
}

/** Asks the worker to close what it has open. */
export const CLOSE = "close";

/** What comes back: for the first message, for a call, and for closing. */
export type IndexAnswer =
  /** The index is open; `renewed` says why it was made anew, if it was. */
  | { readonly kind: "open"; readonly renewed?: string }
  /** It cannot be opened. */
  | { readonly kind: "failed"; readonly error: CallError }
  | { readonly kind: "value"; readonly number: number; readonly value: unknown }
  | { readonly kind: "error"; readonly number: number; readonly error: CallError }
  | { readonly kind: "closed" };

/** An error as it crosses: of what is thrown, only words would arrive. */
export interface CallError {
  readonly kind: "syntax" | "range" | "newer" | "failed";
  readonly message: string;
}
