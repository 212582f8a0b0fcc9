// deno-lint-ignore-file require-await -- a store answers by promises, and what it throws is to reject
/** A queue store in memory, for tests and for programs that need nothing to last. @module */
import { compareCursors, formatCursor, parseCursor } from "./cursor.ts";
import { fitsEntry, fitsRecipient, searchText } from "./filter.ts";
import {
  finish,
  isFree,
  kept,
  type KeptRecipient,
  type Message,
  readyAt,
  view,
} from "./memory_message.ts";
import { type OctetBuffer, octetBuffer } from "./octet_buffer.ts";
import { noSuchMessage, StoreError } from "./store_error.ts";
import {
  type AddedRecipients,
  type Attempt,
  type Entry,
  type Filter,
  type Lease,
  type LeaseOptions,
  type NewEntry,
  type RecipientState,
  type Shortage,
  type StagedBody,
  type Store,
  StoreFullError,
} from "./store.ts";

/** The bounds of a store in memory. */
export interface MemoryStoreOptions {
  /** Messages that are not finished; one more is refused. 10,000 if left out. */
  readonly maxMessages?: number;
  /** Octets of all messages that are kept; more are refused. 1 GiB if left out. */
  readonly maxOctets?: number;
}

/** Makes a store whose messages last as long as it does. Each operation looks at every message. */
export function createMemoryStore(options: MemoryStoreOptions = {}): Store {
  return new MemoryStore(options);
}

class MemoryStore implements Store {
  readonly #maxMessages: number;
  readonly #maxOctets: number;
  readonly #messages = new Map<string, Message>();
  readonly #staged = new WeakMap<StagedBody, OctetBuffer>();
  #octets = 0;
  #tokens = 0;

  constructor({ maxMessages = 10_000, maxOctets = 2 ** 30 }: MemoryStoreOptions) {
    this.#maxMessages = maxMessages;
    this.#maxOctets = maxOctets;
  }

  hasRoom(octets = 0): boolean {
    return this.#open().length < this.#maxMessages && this.#octets + octets <= this.#maxOctets;
  }

  async probe(): Promise<Shortage | undefined> {
    if (this.hasRoom(1)) return undefined;
    return this.#octets < this.#maxOctets ? "messages" : "octets";
  }

  stage(): StagedBody {
    const buffer = octetBuffer();
    const body: StagedBody = {
      get size() {
        return buffer.size;
      },
      write: (bytes) => {
        if (!this.#staged.has(body)) throw new StoreError("closed", "Cannot write: it was ended");
        if (this.#octets + buffer.size + bytes.length > this.#maxOctets) throw full();
        buffer.append(bytes);
      },
      async *read(start) {
        if (start < buffer.size) yield buffer.from(start);
      },
      abort: () => {
        if (this.#staged.delete(body)) buffer.take();
      },
    };
    this.#staged.set(body, buffer);
    return body;
  }

  async commit(entry: NewEntry, body: StagedBody): Promise<void> {
    if (!this.hasRoom(body.size)) throw full();
    this.#check([{ entry, body }]);
    this.#add(entry, body);
  }

  async dueDomains(
    { now, after, limit }: { now: number; after?: string; limit: number },
  ): Promise<string[]> {
    const domains = new Set<string>();
    for (const { recipients } of this.#messages.values()) {
      for (const recipient of recipients) {
        if (readyAt(recipient) <= now) domains.add(recipient.domain);
      }
    }
    return [...domains].filter((domain) => after === undefined || domain > after).sort()
      .slice(0, limit);
  }

  async nextDue(): Promise<number | undefined> {
    let next = Infinity;
    for (const { recipients } of this.#messages.values()) {
      for (const recipient of recipients) next = Math.min(next, readyAt(recipient));
    }
    return next === Infinity ? undefined : next;
  }

  async lease(
    { domain, along = [], owner, now, until, limit }: LeaseOptions,
  ): Promise<Lease[]> {
    if (until <= now) throw new RangeError("Cannot lease for no time");
    const due: { message: Message; recipients: KeptRecipient[]; first: number }[] = [];
    for (const message of this.#messages.values()) {
      const ready = message.recipients.filter((recipient) => readyAt(recipient) <= now);
      const own = ready.filter((recipient) => recipient.domain === domain);
      if (own.length === 0) continue;
      const recipients = ready.filter((one) => one.domain === domain || along.includes(one.domain));
      due.push({ message, recipients, first: Math.min(...own.map(readyAt)) });
    }
    return inTurns(due.sort((a, b) => a.first - b.first)).slice(0, limit)
      .map(({ message, recipients }) => this.#lease(message, recipients, owner, until));
  }

  async claim(
    filter: Filter,
    { owner, now, until, limit }: { owner: string; now: number; until: number; limit: number },
  ): Promise<Lease[]> {
    if (until <= now) throw new RangeError("Cannot lease for no time");
    return [...this.#fitting(filter)]
      .map(({ message, recipients }) => ({
        message,
        recipients: recipients.filter((recipient) => isFree(recipient, now)),
      }))
      .filter(({ recipients }) => recipients.length > 0)
      .sort((a, b) => compareCursors(a.message.entry, b.message.entry))
      .slice(0, limit)
      .map(({ message, recipients }) => this.#lease(message, recipients, owner, until));
  }

  #lease(message: Message, recipients: KeptRecipient[], owner: string, until: number): Lease {
    const token = String(++this.#tokens);
    for (const recipient of recipients) recipient.lease = { owner, until, token };
    return { entry: view(message, recipients), owner, until, token };
  }

  async renew(lease: Lease, until: number): Promise<boolean> {
    const leased = this.#leased(lease);
    for (const { lease } of leased ?? []) lease!.until = until;
    return leased !== undefined;
  }

  async record(
    lease: Lease,
    attempt: Attempt,
    notices: readonly { entry: NewEntry; body: StagedBody }[],
  ): Promise<boolean> {
    const leased = this.#leased(lease);
    if (leased === undefined) return false;
    const outcomes = attempt.outcomes.map((outcome) => {
      const recipient = leased.find(({ index }) => index === outcome.index);
      if (recipient === undefined) throw notLeased(outcome.index);
      return { outcome, recipient };
    });
    this.#check(notices);
    for (const { entry, body } of notices) this.#add(entry, body);
    for (const { outcome, recipient } of outcomes) {
      recipient.attempts++;
      recipient.lastReply = outcome.reply;
      recipient.delayTold ||= outcome.delayTold === true;
      if (outcome.state !== "queued") recipient.state = outcome.state;
      else recipient.due = outcome.due ?? recipient.due;
    }
    for (const recipient of leased) delete recipient.lease;
    const message = this.#messages.get(lease.entry.id)!;
    message.attempts.push(structuredClone(attempt));
    finish(message, attempt.ended);
    return true;
  }

  async giveBack(lease: Lease): Promise<void> {
    for (const recipient of this.#leased(lease) ?? []) delete recipient.lease;
  }

  async endLeases(owner: string): Promise<number> {
    const tokens = new Set<string>();
    for (const { recipients } of this.#messages.values()) {
      for (const recipient of recipients) {
        if (recipient.lease?.owner !== owner) continue;
        tokens.add(recipient.lease.token);
        delete recipient.lease;
      }
    }
    return tokens.size;
  }

  hold(filter: Filter): Promise<number> {
    return this.#change(filter, ["queued"], (recipient) => recipient.state = "held");
  }

  release(filter: Filter, now: number, route?: string): Promise<number> {
    return this.#change(filter, ["held"], (recipient) => {
      recipient.state = "queued";
      recipient.due = now;
      if (route !== undefined) recipient.route = route;
    });
  }

  retry(filter: Filter, now: number): Promise<number> {
    return this.#change(filter, ["queued"], (recipient) => recipient.due = now);
  }

  remove(filter: Filter, now: number): Promise<number> {
    return this.#change(filter, ["queued", "held"], (recipient, message) => {
      recipient.state = "removed";
      finish(message, now);
    });
  }

  async add(
    id: string,
    { recipients, expires }: AddedRecipients,
  ): Promise<boolean> {
    const message = this.#messages.get(id);
    if (message === undefined) return false;
    const first = message.recipients.length;
    message.recipients.push(...recipients.map((recipient, i) => kept(recipient, first + i)));
    message.entry.expires = Math.max(message.entry.expires, expires);
    delete message.finished;
    return true;
  }

  async list(
    filter: Filter,
    { after, limit }: { after?: string; limit: number },
  ) {
    const cursor = parseCursor(after);
    const entries = [...this.#fitting(filter)]
      .map(({ message, recipients }) => view(message, recipients))
      .filter((entry) => compareCursors(entry, cursor) > 0)
      .sort(compareCursors);
    const page = entries.slice(0, limit);
    return {
      entries: page,
      ...entries.length > limit && { next: formatCursor(page.at(-1) ?? cursor) },
    };
  }

  async find(prefix: string, limit: number): Promise<string[]> {
    return [...this.#messages.keys()].filter((id) => id.startsWith(prefix)).sort().slice(0, limit);
  }

  async show(id: string): Promise<Entry | undefined> {
    const message = this.#messages.get(id);
    return message && view(message, message.recipients);
  }

  async attempts(id: string): Promise<Attempt[]> {
    return structuredClone(this.#messages.get(id)?.attempts ?? []);
  }

  async *read(id: string): AsyncIterable<Uint8Array> {
    const message = this.#messages.get(id);
    if (message === undefined) throw noSuchMessage(id);
    if (message.body.length > 0) yield message.body.slice();
  }

  async sweep({ before, limit }: { before: number; limit: number }): Promise<number> {
    let swept = 0;
    for (const [id, { finished = Infinity, recipients, body }] of this.#messages) {
      if (swept === limit) break;
      if (finished >= before) continue;
      if (recipients.some(({ lease }) => lease !== undefined && lease.until >= before)) continue;
      this.#messages.delete(id);
      this.#octets -= body.length;
      swept++;
    }
    return swept;
  }

  async waiting(domain: string, limit: number): Promise<number> {
    let count = 0;
    for (const { recipients } of this.#messages.values()) {
      for (const { domain: of, state } of recipients) {
        if (of === domain && (state === "queued" || state === "held")) count++;
      }
    }
    return Math.min(count, limit);
  }

  async stats() {
    const recipients = { queued: 0, held: 0, delivered: 0, failed: 0, removed: 0 };
    for (const message of this.#messages.values()) {
      for (const { state } of message.recipients) recipients[state]++;
    }
    const open = this.#open();
    return {
      recipients,
      messages: open.length,
      octets: open.reduce((sum, { body }) => sum + body.length, 0),
      ...open.length > 0 && { oldest: Math.min(...open.map(({ entry }) => entry.accepted)) },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#messages.clear();
  }

  #open(): Message[] {
    return [...this.#messages.values()].filter(({ finished }) => finished === undefined);
  }

  /** Throws if one of some messages cannot be added. */
  #check(messages: readonly { entry: NewEntry; body: StagedBody }[]): void {
    const ids = new Set(this.#messages.keys());
    for (const { entry, body } of messages) {
      const why = !this.#staged.has(body)
        ? "its octets were committed or aborted"
        : entry.recipients.length === 0
        ? "it has no recipients"
        : ids.has(entry.id)
        ? "there is one of that name"
        : undefined;
      if (why !== undefined) {
        throw new StoreError("failed", `Cannot commit message ${entry.id}: ${why}`);
      }
      ids.add(entry.id);
    }
  }

  #add({ recipients, ...entry }: NewEntry, staged: StagedBody): void {
    const body = this.#staged.get(staged)!.take();
    this.#staged.delete(staged);
    this.#octets += body.length;
    this.#messages.set(entry.id, {
      entry: { ...structuredClone(entry), size: body.length },
      body,
      recipients: recipients.map(kept),
      attempts: [],
    });
  }

  /** The recipients of a lease, unless it has lost one. */
  #leased({ entry, token }: Lease): KeptRecipient[] | undefined {
    const leased = (this.#messages.get(entry.id)?.recipients ?? [])
      .filter(({ lease }) => lease?.token === token);
    return leased.length === entry.recipients.length ? leased : undefined;
  }

  *#fitting(filter: Filter): Iterable<{ message: Message; recipients: KeptRecipient[] }> {
    for (const message of this.#messages.values()) {
      if (!fitsEntry(filter, message.entry)) continue;
      const recipients = message.recipients.filter((recipient) => fitsRecipient(filter, recipient));
      if (recipients.length > 0) yield { message, recipients };
    }
  }

  async #change(
    filter: Filter,
    states: readonly RecipientState[],
    change: (recipient: KeptRecipient, message: Message) => void,
  ): Promise<number> {
    let count = 0;
    for (const { message, recipients } of this.#fitting(filter)) {
      for (const recipient of recipients.filter(({ state }) => states.includes(state))) {
        change(recipient, message);
        count++;
      }
    }
    return count;
  }
}

/** The first message of each sender, then the second of each, and so on. */
function inTurns<T extends { readonly message: Message }>(due: readonly T[]): T[] {
  const counts = new Map<string, number>();
  return due.map((one) => {
    const sender = searchText(one.message.entry.mail.reversePath);
    const place = counts.get(sender) ?? 0;
    counts.set(sender, place + 1);
    return { one, place };
  }).sort((a, b) => a.place - b.place).map(({ one }) => one);
}

function full(): StoreFullError {
  return new StoreFullError("Cannot take more messages: the queue is at its limit");
}

/** Says that an attempt has an outcome for somebody whom it was not for. */
function notLeased(index: number): RangeError {
  return new RangeError(`Cannot record an outcome for recipient ${index}: it is not leased`);
}
