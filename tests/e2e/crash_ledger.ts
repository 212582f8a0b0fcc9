/** Who was promised what in the crash test, what came of it, and whether that is right. */
import { assertEquals } from "@std/assert";
import { News } from "./news.ts";

/** A message of a client. */
export interface SentMessage {
  /** A name that is in its addresses and in its content. */
  readonly token: string;
  readonly sender: string;
  /** Recipients that the receiver takes. */
  readonly taken: readonly string[];
  /** Recipients that the receiver refuses. */
  readonly refused: readonly string[];
  /** How often its end was sent without a reply: it may have been committed each time. */
  unanswered: number;
  /** How the server that said 250 has named it. */
  id?: string;
}

/** What a run came to. */
export interface Figures {
  readonly acknowledged: number;
  readonly delivered: number;
  readonly bounced: number;
  /** Copies too many, by the window in which the server was killed. */
  readonly duplicates: {
    /** Between the next hop's 250 and the record of it. */
    readonly unrecorded: number;
    /** Between the commit and the client's 250. */
    readonly unanswered: number;
  };
}

/** The ledger. Every address belongs to one message. */
export class Ledger {
  readonly #messages = new Map<string, SentMessage>();
  /** By id and recipient: the lives that have delivered it. */
  readonly #copies = new Map<string, number[]>();
  /** By id and recipient: the ids of the notices that say that it failed. */
  readonly #notices = new Map<string, Set<string>>();
  /** By id and recipient: the life that has recorded its end. */
  readonly #recorded = new Map<string, number>();
  /** The ids under which each message came. */
  readonly #ids = new Map<string, Set<string>>();
  readonly #wrong: string[] = [];
  readonly #mostWaiting: number;
  readonly #mayRepeat: (address: string) => boolean;
  #waiting = 0;
  readonly #news = new News();

  /**
   * Makes an empty ledger; clients are to wait while so many recipients have nothing yet.
   *
   * @param mayRepeat whose mail a server may send again although it goes on: the connection may have broken
   * before the reply of the next hop had come
   */
  constructor(mostWaiting: number, mayRepeat: (address: string) => boolean = () => false) {
    this.#mostWaiting = mostWaiting;
    this.#mayRepeat = mayRepeat;
  }

  /** How many messages were acknowledged so far. */
  get acknowledged(): number {
    return this.#messages.size;
  }

  /** Notes what should never have happened; the check at the end shows it. */
  wrong(what: string): void {
    if (this.#wrong.length < 20) this.#wrong.push(what);
  }

  /** Waits while too much is under way. */
  room(): Promise<void> {
    return this.#news.until(() => this.#waiting < this.#mostWaiting);
  }

  /** Waits until so many more messages are acknowledged. */
  acknowledgedMore(count: number): Promise<void> {
    const goal = this.acknowledged + count;
    return this.#news.until(() => this.acknowledged >= goal);
  }

  /** The server has said 250 to a message. */
  promised(message: SentMessage): void {
    this.#messages.set(message.token, message);
    const { id, taken, refused } = message;
    const arrived = taken.filter((address) => this.#copies.has(`${id} ${address}`)).length +
      refused.filter((address) => this.#notices.has(`${id} ${address}`)).length;
    this.#waiting += taken.length + refused.length - arrived;
    this.#news.tell();
  }

  /** A recipient's end is on stable storage. */
  recorded(life: number, id: string, address: string): void {
    const name = `${id} ${address}`;
    const before = this.#recorded.get(name);
    if (before !== undefined) this.wrong(`${name} ended in life ${before} and in life ${life}`);
    this.#recorded.set(name, life);
  }

  /** The receiver takes a message of a client for one recipient, from the server of one life. */
  came(life: number, token: string, id: string, address: string): void {
    this.#named(token, id);
    if (this.#copy(life, id, address)) this.#settle(token, id);
  }

  /** The receiver takes a notice which says that recipients of a message failed. */
  bounced(
    life: number,
    notice: { readonly id: string; readonly to: string },
    about: { readonly token: string; readonly id: string; readonly failed: readonly string[] },
  ): void {
    const { token, id, failed } = about;
    this.#named(token, id);
    this.#copy(life, notice.id, notice.to);
    for (const address of failed) {
      const name = `${id} ${address}`;
      const notices = this.#notices.get(name);
      if (notices === undefined) this.#settle(token, id);
      this.#notices.set(name, new Set([...notices ?? [], notice.id]));
    }
  }

  /** Notes one copy; answers whether it is the first. */
  #copy(life: number, id: string, address: string): boolean {
    const name = `${id} ${address}`;
    const lives = this.#copies.get(name) ?? [];
    if (lives.includes(life) && !this.#mayRepeat(address)) {
      this.wrong(`${name} came twice in life ${life}`);
    }
    const recorded = this.#recorded.get(name);
    if (recorded !== undefined && recorded < life) {
      this.wrong(`${name} came in life ${life} and was recorded in life ${recorded}`);
    }
    this.#copies.set(name, [...lives, life]);
    return lives.length === 0;
  }

  #named(token: string, id: string): void {
    this.#ids.set(token, new Set([...this.#ids.get(token) ?? [], id]));
  }

  #settle(token: string, id: string): void {
    if (this.#messages.get(token)?.id !== id) return;
    this.#waiting--;
    this.#news.tell();
  }

  /** Checks everything, once the queue is empty and no client sends. */
  check(): Figures {
    let delivered = 0;
    let bounced = 0;
    let unanswered = 0;
    for (const { token, id, taken, refused, unanswered: mayHave } of this.#messages.values()) {
      for (const address of taken) {
        if (this.#copies.has(`${id} ${address}`)) delivered++;
        else this.wrong(`LOST: ${id} ${address} was acknowledged and has not come`);
        if (this.#notices.has(`${id} ${address}`)) this.wrong(`${id} ${address} was bounced`);
      }
      for (const address of refused) {
        if (this.#notices.has(`${id} ${address}`)) bounced++;
        else this.wrong(`LOST: ${id} ${address} failed and nobody was told`);
        if (this.#copies.has(`${id} ${address}`)) this.wrong(`${id} ${address} was not refused`);
      }
      const more = (this.#ids.get(token)?.size ?? 0) - 1;
      if (more > mayHave) this.wrong(`${token} came ${more} times too often, of ${mayHave}`);
      unanswered += more;
    }
    for (const [name, { size }] of this.#notices) {
      if (size > 1) this.wrong(`there are ${size} notices for ${name}`);
    }
    assertEquals(this.#wrong, []);
    const copies = [...this.#copies.values()];
    const unrecorded = copies.reduce((sum, { length }) => sum + length - 1, 0);
    return {
      acknowledged: this.#messages.size,
      delivered,
      bounced,
      duplicates: { unrecorded, unanswered },
    };
  }
}
