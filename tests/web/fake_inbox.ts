/** An inbox of messages that a test makes up, without a queue. @module */
import type { Content, ContentPart } from "../../lib/inbox/content.ts";
import type {
  Awaited,
  Inbox,
  InboxAction,
  InboxEvent,
  InboxMessage,
  IndexCondition,
  ReleaseOptions,
} from "../../lib/inbox/inbox.ts";
import type {
  IndexCounts,
  MessageState,
  Search,
  Summary,
  SummaryPage,
} from "../../lib/inbox/message_index.ts";
import type { Clock } from "../../lib/net/clock.ts";
import type { Attempt, Entry } from "../../lib/queue/store.ts";

const encoder = new TextEncoder();

/** What a test says of a message; the rest is made up. */
export interface Made {
  readonly id: string;
  readonly subject?: string;
  readonly from?: string;
  readonly to?: string;
  readonly state?: MessageState;
  readonly received?: number;
  readonly content?: Partial<Content>;
  readonly raw?: string;
  readonly header?: string;
  readonly attempts?: readonly Attempt[];
  readonly parts?: readonly (readonly [ContentPart, Uint8Array])[];
}

/** A message that the inbox has. */
export interface Kept extends InboxMessage {
  readonly made: Made;
}

/** Noon of the day that tests take place on. */
export const NOON: number = Date.UTC(2026, 0, 1, 12);

function keep(made: Made): Kept {
  const { id, subject = "Hello", from = "ann@example.net", to = "joe@example.org" } = made;
  const { state = "held", received = NOON, raw = "Subject: Hello\r\n\r\nHi\r\n" } = made;
  const parts = made.parts?.map(([part]) => part) ?? [];
  const [localPart, domain] = to.split("@");
  const summary: Summary = {
    id,
    state,
    from,
    to: [to],
    recipients: 1,
    subject,
    size: encoder.encode(raw).length,
    received,
    attachments: parts.filter((part) => !part.inline).length,
    preview: "Hi",
    seen: false,
  };
  const entry: Entry = {
    id,
    mail: { reversePath: { localPart: "ann", domain: "example.net" }, smtpUtf8: false },
    accepted: received,
    expires: received + 1000,
    origin: { client: "192.0.2.1", heloName: "client.test", protocol: "ESMTP", session: "s1" },
    size: summary.size,
    recipients: [{
      index: 0,
      mailbox: { localPart, domain },
      domain,
      due: received,
      state,
      attempts: made.attempts?.length ?? 0,
      lastReply: made.attempts?.at(-1)?.outcomes[0].reply,
      delayTold: false,
    }],
  };
  const content: Content = {
    subject,
    from: [{ name: "Ann", address: from }],
    to: [{ name: "", address: to }],
    cc: [],
    replyTo: [],
    text: "Hi\n",
    parts,
    links: [],
    codes: [],
    ...made.content,
  };
  return { made, summary, entry, content };
}

interface Waiter {
  readonly fits: (message: Kept) => boolean;
  readonly settle: (awaited: Awaited) => void;
}

/** The inbox. Texts are compared as they are; pages and cursors are numbers of messages. */
export class FakeInbox implements Inbox {
  readonly #messages: Kept[] = [];
  readonly #listeners = new Set<(event: InboxEvent) => void>();
  readonly #waiters = new Set<Waiter>();
  readonly #clock: Clock;
  /** What was asked for, in order. */
  readonly searches: Search[] = [];
  readonly acts: (readonly [InboxAction, Search])[] = [];
  readonly releases: (readonly [string, ReleaseOptions | undefined])[] = [];
  /** What every method throws from now on. */
  failure: unknown;
  /** Called when a wait begins. */
  onWait: () => void = () => {};
  /** Called when a wait was given up by who waits. */
  onLeave: () => void = () => {};

  constructor(clock: Clock, ...messages: readonly Made[]) {
    this.#clock = clock;
    this.#messages.push(...messages.map(keep));
  }

  get watchers(): number {
    return this.#listeners.size;
  }

  /** Lets a message arrive. */
  arrive(made: Made): void {
    const message = keep({ received: this.#clock.now(), ...made });
    this.#messages.unshift(message);
    this.tell({ type: "arrived", summary: message.summary });
    for (const { fits, settle } of [...this.#waiters]) {
      if (fits(message)) settle({ kind: "found", message });
    }
  }

  tell(event: InboxEvent): void {
    for (const listener of [...this.#listeners]) listener(event);
  }

  #check(): void {
    if (this.failure !== undefined) throw this.failure;
  }

  #matching(search: Search): Kept[] {
    return this.#messages.filter(({ summary, entry }) => {
      const { ids, from, to, subject, state, since, before, minSize, maxSize } = search;
      return (ids === undefined || ids.includes(entry.id)) &&
        (from === undefined || summary.from === from) &&
        (to === undefined || summary.to.includes(to)) &&
        (subject === undefined || summary.subject.includes(subject)) &&
        (state === undefined || summary.state === state) &&
        (since === undefined || summary.received >= since) &&
        (before === undefined || summary.received < before) &&
        (minSize === undefined || summary.size >= minSize) &&
        (maxSize === undefined || summary.size <= maxSize) &&
        (search.seen === undefined || summary.seen === search.seen) &&
        (search.hasAttachment === undefined || summary.attachments > 0);
    });
  }

  #get(id: string): Kept | undefined {
    this.#check();
    return this.#messages.find(({ entry }) => entry.id === id);
  }

  async search(
    search: Search,
    { cursor = "0", limit }: { cursor?: string; limit: number },
  ): Promise<SummaryPage> {
    await this.#check();
    this.searches.push(search);
    if (!/^[0-9]+$/.test(cursor)) throw new SyntaxError("Cannot read the cursor");
    const found = this.#matching(search).map(({ summary }) => summary);
    const end = Number(cursor) + limit;
    return {
      messages: found.slice(Number(cursor), end),
      next: end < found.length ? String(end) : undefined,
    };
  }

  async condition(): Promise<IndexCondition> {
    const { total: messages } = await this.counts();
    return { messages, waiting: 0, isComparing: false };
  }

  async counts(): Promise<IndexCounts> {
    await this.#check();
    const count = (state: MessageState) => this.#matching({ state }).length;
    return {
      total: this.#messages.length - count("removed"),
      unseen: this.#matching({ seen: false }).length,
      states: {
        held: count("held"),
        queued: count("queued"),
        failed: count("failed"),
        delivered: count("delivered"),
        removed: count("removed"),
      },
    };
  }

  async show(id: string): Promise<InboxMessage | undefined> {
    return await this.#get(id);
  }

  async ledger(
    id: string,
  ): Promise<{ readonly entry: Entry; readonly attempts: readonly Attempt[] } | undefined> {
    const message = await this.#get(id);
    return message && { entry: message.entry, attempts: message.made.attempts ?? [] };
  }

  async raw(
    id: string,
  ): Promise<{ readonly size: number; readonly octets: ReadableStream<Uint8Array> } | undefined> {
    const message = await this.#get(id);
    if (message === undefined) return undefined;
    const octets = encoder.encode(message.made.raw ?? "Subject: Hello\r\n\r\nHi\r\n");
    return { size: octets.length, octets: ReadableStream.from([octets]) };
  }

  async header(id: string): Promise<string | undefined> {
    const message = await this.#get(id);
    return message && (message.made.header ?? "Subject: Hello\n");
  }

  async part(
    id: string,
    index: number,
  ): Promise<{ readonly part: ContentPart; readonly octets: Uint8Array } | undefined> {
    const found = (await this.#get(id))?.made.parts?.[index];
    return found && { part: found[0], octets: found[1] };
  }

  async wait(
    search: Search,
    { timeout, signal }: { readonly timeout: number; readonly signal?: AbortSignal },
  ): Promise<Awaited> {
    await this.#check();
    this.searches.push(search);
    const fits = (message: Kept) => this.#matching(search).includes(message);
    const there = search.since === undefined ? [] : this.#matching(search);
    if (there.length > 0) return { kind: "found", message: there[0] };
    const since = this.#clock.now();
    const { promise, resolve, reject } = Promise.withResolvers<Awaited>();
    const waiter = { fits, settle: resolve };
    this.#waiters.add(waiter);
    const leave = () => {
      reject(signal?.reason);
      this.onLeave();
    };
    signal?.addEventListener("abort", leave);
    using _timer = this.#clock.after(timeout, () => {
      const arrived = this.#matching({ since }).map(({ summary }) => summary).slice(0, 20);
      resolve({ kind: "nothing", arrived });
    });
    this.onWait();
    try {
      return await promise;
    } finally {
      this.#waiters.delete(waiter);
      signal?.removeEventListener("abort", leave);
    }
  }

  async act(action: InboxAction, search: Search): Promise<number> {
    await this.#check();
    this.acts.push([action, search]);
    return this.#matching(search).length;
  }

  async release(id: string, options?: ReleaseOptions): Promise<boolean> {
    const message = await this.#get(id);
    this.releases.push([id, options]);
    if (options?.route === "nonsense") throw new SyntaxError('Cannot read the route "nonsense"');
    return message !== undefined && (message.summary.state === "held" || options?.to !== undefined);
  }

  watch(listener: (event: InboxEvent) => void): Disposable {
    this.#listeners.add(listener);
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) };
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}
