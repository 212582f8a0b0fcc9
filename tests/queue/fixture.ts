/** Messages for the tests of stores. @module */
import { queueIds } from "../../lib/queue/queue_id.ts";
import type {
  Filter,
  Lease,
  NewEntry,
  NewRecipient,
  Outcome,
  StagedBody,
  Store,
} from "../../lib/queue/store.ts";
import { joinOctets } from "../../lib/smtp/octets.ts";

/** Noon of a day in 2026: the time in which tests begin. */
export const NOON: number = Date.UTC(2026, 0, 1, 12);

export const OWNER = "worker-1";

let time = NOON;
/** Names that no test has to make up; each is of a later millisecond than the one before. */
export const nextId: () => string = queueIds(() => time++);

/** A recipient by its address. */
export function recipient(address: string, more: Partial<NewRecipient> = {}): NewRecipient {
  const at = address.lastIndexOf("@");
  const domain = address.slice(at + 1);
  return {
    mailbox: { localPart: address.slice(0, at), domain },
    domain: domain.toLowerCase(),
    due: NOON,
    held: false,
    ...more,
  };
}

/** A message to be committed; to one recipient at example.com unless it says otherwise. */
export function newEntry(more: Partial<NewEntry> = {}): NewEntry {
  return {
    id: nextId(),
    mail: { reversePath: { localPart: "sender", domain: "example.org" }, smtpUtf8: false },
    accepted: NOON,
    expires: NOON + 5 * 86_400_000,
    origin: { client: "192.0.2.1", protocol: "ESMTP" },
    recipients: [recipient("someone@example.com")],
    ...more,
  };
}

/** Octets that differ from place to place. */
export function octets(size: number, seed = 1): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(size);
  let state = seed;
  for (let i = 0; i < size; i++) {
    state = (state * 1103515245 + 12345) & 0x7fffffff;
    bytes[i] = state >> 16;
  }
  return bytes;
}

/** Stages octets in slices of at most so many; each slice is overwritten once it was taken. */
export async function stage(
  store: Store,
  bytes: Uint8Array,
  slice = 64 * 1024,
): Promise<StagedBody> {
  const body = store.stage();
  const window = new Uint8Array(Math.min(slice, bytes.length));
  for (let at = 0; at < bytes.length; at += slice) {
    const part = bytes.subarray(at, at + slice);
    window.set(part);
    await body.write(window.subarray(0, part.length));
    window.fill(0);
  }
  return body;
}

/** Commits a message; answers it. */
export async function put(
  store: Store,
  more: Partial<NewEntry> = {},
  bytes: Uint8Array = octets(10),
): Promise<NewEntry> {
  const entry = newEntry(more);
  await store.commit(entry, await stage(store, bytes));
  return entry;
}

/** All octets of a message. */
export async function readAll(
  store: Pick<Store, "read">,
  id: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  for await (const slice of store.read(id)) parts.push(slice.slice());
  return joinOctets(parts);
}

/** Leases what is due of a domain. */
export function leaseOf(
  store: Store,
  more: Partial<Parameters<Store["lease"]>[0]> = {},
): Promise<Lease[]> {
  return store.lease({
    domain: "example.com",
    owner: OWNER,
    now: NOON,
    until: NOON + 1000,
    limit: 100,
    ...more,
  });
}

/** Leases what a filter means. */
export function claimOf(
  store: Store,
  filter: Filter = {},
  more: Partial<Parameters<Store["claim"]>[1]> = {},
): Promise<Lease[]> {
  return store.claim(filter, { owner: OWNER, now: NOON, until: NOON + 1000, limit: 100, ...more });
}

export const SENT = { code: 250, lines: ["2.0.0 Ok"] };
export const LATER = { code: 451, enhanced: "4.3.0", lines: ["Later"] };
export const NEVER = { code: 550, enhanced: "5.1.1", lines: ["Nobody", "of that name"] };

/** Records the same outcome for all recipients of a lease. */
export function recordAll(
  store: Store,
  lease: Lease,
  outcome: Omit<Outcome, "index">,
  ended = NOON + 10,
): Promise<boolean> {
  return store.record(lease, {
    begun: NOON + 5,
    ended,
    outcomes: lease.entry.recipients.map(({ index }) => ({ index, ...outcome })),
  }, []);
}

/** The ids of a list, page by page. */
export async function idsOf(
  store: Pick<Store, "list">,
  filter: Filter = {},
  limit = 100,
): Promise<string[]> {
  const ids: string[] = [];
  let after: string | undefined;
  do {
    const page = await store.list(filter, { after, limit });
    ids.push(...page.entries.map(({ id }) => id));
    after = page.next;
  } while (after !== undefined);
  return ids;
}
