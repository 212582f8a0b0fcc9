/** What the store and its workers say to each other. @module */
import type { ActionResult, ActionStep } from "./sqlite_actions.ts";
import type { Cursor } from "./cursor.ts";
import type { Fault } from "./fault.ts";
import { sqliteError } from "./sqlite_error.ts";
import type { ClaimResult, ClaimStep, LeaseKey } from "./sqlite_leases.ts";
import type { ListStep, StoredBody } from "./sqlite_reads.ts";
import { type AddedRow, type AttemptRow, Damage, type NewMessageRow } from "./sqlite_rows.ts";
import type { DamageReport } from "./sqlite_session.ts";
import { StoreError, type StoreErrorKind } from "./store_error.ts";
import {
  type Attempt,
  type Entry,
  type Filter,
  type Lease,
  type LeaseOptions,
  type Stats,
  StoreFullError,
} from "./store.ts";

/** What the writer does; all that waits is done in one transaction. */
export interface WriterCalls {
  commit(row: NewMessageRow): void;
  lease(options: LeaseOptions): Lease[];
  claim(step: ClaimStep): ClaimResult;
  renew(key: LeaseKey, until: number): boolean;
  record(key: LeaseKey, attempt: AttemptRow, notices: readonly NewMessageRow[]): boolean;
  giveBack(key: LeaseKey): void;
  endLeases(owner: string, limit: number): { ended: number; isAll: boolean };
  act(step: ActionStep): ActionResult;
  add(added: AddedRow): boolean;
  sweep(options: { before: number; limit: number }): number;
  setAside(id: string, reason: string): void;
  probe(): void;
}

/** What the reader answers. */
export interface ReaderCalls {
  dueDomains(options: { now: number; after?: string; limit: number }): string[];
  nextDue(): number | undefined;
  list(filter: Filter, after: Cursor, limit: number): ListStep;
  find(prefix: string, limit: number): string[];
  show(id: string): Entry | undefined;
  attempts(id: string): Attempt[];
  body(id: string): StoredBody | undefined;
  waiting(domain: string, limit: number): number;
  stats(): Stats;
  probe(): void;
}

/** The first message to a worker. */
export interface Begin {
  readonly role: "writer" | "reader";
  readonly directory: string;
  /** Octets of the disk that are left free. */
  readonly minFree: number;
  readonly faults: readonly Fault[];
  /** Set for a worker in the place of one that ended: files are under way that no message names yet. */
  readonly isAgain?: boolean;
}

/** Calls that wait, each with its arguments. */
export type Batch = readonly (readonly [name: string, ...values: unknown[]])[];

/** Asks a worker to close what it has open. */
export const CLOSE = "close";

/** How much the writer has in the database. */
export interface Fill {
  /** Messages that are not finished. */
  readonly messages: number;
  /** Octets of pages in the file that are free for other use. */
  readonly free: number;
}

/** What comes back for a batch, for the first message and for closing. */
export interface Answer {
  readonly settled: readonly ({ readonly value: unknown } | { readonly error: WireError })[];
  readonly damaged: readonly DamageReport[];
  readonly fill?: Fill;
  /** How long a group of changes took that was flushed, in milliseconds. */
  readonly flushed?: number;
}

/** An error as it crosses: of what is thrown, only words would arrive. */
export interface WireError {
  readonly kind: StoreErrorKind | "full" | "range" | "damage";
  readonly message: string;
}

/** Makes an error ready to cross. */
export function toWire(error: unknown): WireError {
  if (error instanceof Damage) return { kind: "damage", message: error.message };
  const meant = sqliteError(error, "Cannot use the queue");
  const { message } = meant;
  if (meant instanceof StoreFullError) return { kind: "full", message };
  if (meant instanceof RangeError) return { kind: "range", message };
  return { kind: meant instanceof StoreError ? meant.kind : "failed", message };
}

/** Makes the error again on this side. */
export function fromWire({ kind, message }: WireError): Error {
  switch (kind) {
    case "full":
      return new StoreFullError(message);
    case "range":
      return new RangeError(message);
    case "damage":
      return new Damage(message);
    default:
      return new StoreError(kind, message);
  }
}
