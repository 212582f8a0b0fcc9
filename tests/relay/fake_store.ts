/**
 * As much of a queue store as delivery needs, for tests: it fails when it is told to, loses leases, and
 * is quick with 10,000 messages, where the store in memory looks at each of them all the time.
 */
import { fitsEntry, fitsRecipient } from "../../lib/queue/filter.ts";
import type {
  Attempt,
  Filter,
  Lease,
  LeaseOptions,
  NewEntry,
  Notice,
  Recipient,
  StagedBody,
  Store,
} from "../../lib/queue/store.ts";

interface Kept {
  recipient: Recipient;
  owner?: string;
  token?: string;
  until: number;
}

interface Message {
  readonly entry: NewEntry;
  readonly body: Uint8Array;
  readonly kept: Kept[];
  readonly attempts: Attempt[];
}

/** When something of a domain is due that is free, by what is known until the domain is touched again. */
interface Outlook {
  readonly due: number;
  /** When a lease runs out, so that there may be more. */
  readonly until: number;
}

/** What is queued for a domain. */
interface Domain {
  readonly messages: Set<Message>;
  outlook?: Outlook;
}

/** What the scheduler and the delivery ask of a store. */
export type DeliveryStore = Pick<
  Store,
  | "dueDomains"
  | "nextDue"
  | "lease"
  | "claim"
  | "renew"
  | "record"
  | "giveBack"
  | "endLeases"
  | "read"
>;

/** The store. */
export class FakeStore implements DeliveryStore {
  readonly messages = new Map<string, Message>();
  readonly #domains = new Map<string, Domain>();
  /** Calls by method. */
  readonly calls = new Map<string, number>();
  /** Thrown by the next calls of a method, as often as it says. */
  readonly failures = new Map<string, number>();
  /** How many leases were held at once, at most. */
  mostLeased = 0;
  #leased = 0;
  #tokens = 0;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  async #call(method: string): Promise<void> {
    this.calls.set(method, (this.calls.get(method) ?? 0) + 1);
    await Promise.resolve();
    const left = this.failures.get(method) ?? 0;
    if (left > 0) {
      this.failures.set(method, left - 1);
      throw new Error(`Cannot ${method}: the disk is on fire`);
    }
  }

  put(entry: NewEntry, body: Uint8Array): void {
    const kept = entry.recipients.map(({ held, ...recipient }, index): Kept => ({
      recipient: {
        ...recipient,
        index,
        state: held ? "held" : "queued",
        attempts: 0,
        delayTold: false,
      },
      until: 0,
    }));
    const message = { entry, body, kept, attempts: [] };
    this.messages.set(entry.id, message);
    for (const { domain } of entry.recipients) {
      const queued = this.#domains.get(domain) ?? { messages: new Set() };
      queued.messages.add(message);
      this.#domains.set(domain, queued);
    }
    this.#touch(kept);
  }

  recipients(id: string): Recipient[] {
    return this.messages.get(id)!.kept.map(({ recipient }) => recipient);
  }

  attempts(id: string): Attempt[] {
    return this.messages.get(id)!.attempts;
  }

  #isFree({ owner, until, recipient }: Kept): boolean {
    return recipient.state === "queued" && (owner === undefined || until <= this.#now());
  }

  /** Says that recipients are not what they were. */
  #touch(kept: readonly Kept[]): void {
    for (const { recipient } of kept) {
      const domain = this.#domains.get(recipient.domain);
      if (domain !== undefined) domain.outlook = undefined;
    }
  }

  /** When something of a domain is due that is free; `Infinity` where nothing is. */
  #dueOf(name: string, domain: Domain): number {
    const known = domain.outlook;
    if (known !== undefined && this.#now() < known.until) return known.due;
    let [due, until] = [Infinity, Infinity];
    for (const { kept } of domain.messages) {
      for (const one of kept) {
        if (one.recipient.domain !== name) continue;
        if (this.#isFree(one)) due = Math.min(due, one.recipient.due);
        else if (one.recipient.state === "queued") until = Math.min(until, one.until);
      }
    }
    domain.outlook = { due, until };
    return due;
  }

  #free(domain: string, now: number): Message[] {
    return [...this.#domains.get(domain)?.messages ?? []].filter(({ kept }) =>
      kept.some((one) =>
        one.recipient.domain === domain && this.#isFree(one) && one.recipient.due <= now
      )
    );
  }

  async dueDomains({ now, after, limit }: { now: number; after?: string; limit: number }) {
    await this.#call("dueDomains");
    const found: string[] = [];
    for (const name of [...this.#domains.keys()].sort()) {
      if (found.length >= limit) break;
      if (after !== undefined && name <= after) continue;
      if (this.#dueOf(name, this.#domains.get(name)!) <= now) found.push(name);
    }
    return found;
  }

  async nextDue() {
    await this.#call("nextDue");
    let next = Infinity;
    for (const [name, domain] of this.#domains) next = Math.min(next, this.#dueOf(name, domain));
    return next === Infinity ? undefined : next;
  }

  async lease(
    { domain, along = [], owner, now, until, limit }: LeaseOptions,
  ) {
    await this.#call("lease");
    const due = this.#free(domain, now);
    const dueOf = ({ kept }: Message) => Math.min(...kept.map(({ recipient }) => recipient.due));
    due.sort((a, b) => dueOf(a) - dueOf(b));
    return due.slice(0, limit).map((message): Lease => {
      const mine = message.kept.filter((one) =>
        [domain, ...along].includes(one.recipient.domain) && this.#isFree(one) &&
        one.recipient.due <= now
      );
      return this.#lease(message, mine, owner, until);
    });
  }

  async claim(
    filter: Filter,
    { owner, now, until, limit }: { owner: string; now: number; until: number; limit: number },
  ) {
    await this.#call("claim");
    const leases: Lease[] = [];
    for (const message of this.messages.values()) {
      const entry = { ...message.entry, size: message.body.length };
      if (leases.length >= limit || !fitsEntry(filter, entry)) continue;
      const mine = message.kept.filter(({ recipient, owner, until }) =>
        ["queued", "held"].includes(recipient.state) && (owner === undefined || until <= now) &&
        fitsRecipient(filter, recipient)
      );
      if (mine.length > 0) leases.push(this.#lease(message, mine, owner, until));
    }
    return leases;
  }

  #lease({ entry, body }: Message, mine: Kept[], owner: string, until: number): Lease {
    const token = `${++this.#tokens}`;
    for (const one of mine) Object.assign(one, { owner, until, token });
    this.#touch(mine);
    this.#leased++;
    this.mostLeased = Math.max(this.mostLeased, this.#leased);
    const recipients = mine.map(({ recipient }) => recipient);
    return { entry: { ...entry, size: body.length, recipients }, owner, until, token };
  }

  #mine({ entry, token }: Lease): Kept[] | undefined {
    const message = this.messages.get(entry.id)!;
    const mine = entry.recipients.map(({ index }) => message.kept[index]);
    return mine.every((one) =>
        one.token === token && one.owner !== undefined && one.until > this.#now()
      )
      ? mine
      : undefined;
  }

  async renew(lease: Lease, until: number) {
    await this.#call("renew");
    const mine = this.#mine(lease);
    for (const one of mine ?? []) one.until = until;
    this.#touch(mine ?? []);
    return mine !== undefined;
  }

  async record(lease: Lease, attempt: Attempt, notices: readonly Notice[]) {
    await this.#call("record");
    const mine = this.#mine(lease);
    if (mine === undefined) return false;
    const message = this.messages.get(lease.entry.id)!;
    message.attempts.push(attempt);
    this.#leased--;
    for (const { index, state, due, reply, delayTold } of attempt.outcomes) {
      const one = message.kept[index];
      one.owner = undefined;
      const before = one.recipient;
      one.recipient = {
        ...before,
        state,
        due: due ?? before.due,
        attempts: before.attempts + 1,
        lastReply: reply,
        delayTold: before.delayTold || delayTold === true,
      };
    }
    this.#touch(message.kept);
    const { domain } = lease.entry.recipients[0];
    const isQueued = message.kept.some(({ recipient }) =>
      recipient.domain === domain && recipient.state === "queued"
    );
    if (!isQueued) this.#domains.get(domain)?.messages.delete(message);
    for (const { entry, body } of notices) this.put(entry, new Uint8Array(body.size));
    return true;
  }

  async giveBack(lease: Lease) {
    await this.#call("giveBack");
    this.#leased--;
    const mine = this.#mine(lease) ?? [];
    for (const one of mine) one.owner = undefined;
    this.#touch(mine);
  }

  /** Ends a lease behind its owner's back. */
  steal(id: string): void {
    const { kept } = this.messages.get(id)!;
    for (const one of kept) one.owner = undefined;
    this.#touch(kept);
  }

  async endLeases(owner: string) {
    await this.#call("endLeases");
    let ended = 0;
    for (const { kept } of this.messages.values()) {
      for (const one of kept) {
        if (one.owner === owner) {
          one.owner = undefined;
          ended++;
        }
      }
      this.#touch(kept);
    }
    return ended;
  }

  async *read(id: string) {
    await this.#call("read");
    yield this.messages.get(id)!.body;
  }
}

/** A body that was staged, with nothing in it. */
export const emptyBody: StagedBody = {
  size: 0,
  write: () => {},
  async *read() {},
  abort: () => {},
};
