/** A message as a program takes it from a session: the library's view of a mail transaction. @module */
import type { Session } from "../policy/session.ts";
import type { Envelope, MailParameters } from "../smtp/envelope.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { chain } from "./maybe_promise.ts";
import { type Reply, replyForAll, SmtpError, standingReply } from "../smtp/reply.ts";
import { ContentFeed } from "./content_feed.ts";
import type { Intake, IntakeTransaction } from "./intake.ts";

const RCPT_OK = standingReply(250, "2.1.5", "Recipient ok");
const ACCEPTED = standingReply(250, "2.0.0", "Accepted");
const UNANSWERED = standingReply(451, "4.3.0", "The message was not dealt with, try again later");

const encoder = new TextEncoder();

/**
 * A message that a client is sending. Its recipients are settled, its content is coming, and the client
 * gets its reply only once {@linkcode accept} or {@linkcode refuse} was called.
 */
export class IncomingMail implements Envelope {
  readonly reversePath: Mailbox | null;
  readonly forwardPaths: readonly Mailbox[];
  readonly size: MailParameters["size"];
  readonly body: MailParameters["body"];
  readonly smtpUtf8: boolean;
  readonly ret: MailParameters["ret"];
  readonly envid: MailParameters["envid"];
  readonly #feed: ContentFeed;
  readonly #trace: Uint8Array;
  readonly #answer: (answer: Reply | readonly Reply[]) => void;
  #isRead = false;

  /** Made by the session. */
  constructor(
    envelope: Envelope,
    trace: string,
    feed: ContentFeed,
    answer: (answer: Reply | readonly Reply[]) => void,
  ) {
    this.reversePath = envelope.reversePath;
    this.forwardPaths = envelope.forwardPaths;
    this.size = envelope.size;
    this.body = envelope.body;
    this.smtpUtf8 = envelope.smtpUtf8;
    this.ret = envelope.ret;
    this.envid = envelope.envid;
    this.#feed = feed;
    this.#trace = encoder.encode(trace);
    this.#answer = answer;
  }

  /**
   * The message as it is to be passed on: our Received field, then the client's octets, dots unstuffed
   * and lines ended by CR LF. It can be read once, while the client sends; a slice is valid until the
   * next one is asked for. It fails when the client goes away before the end, when the message has its
   * answer, and when it is read again.
   */
  get content(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
    // Nothing is held, so a second reader would take a Received field for the whole message.
    if (this.#isRead) throw new Error("Cannot read a message twice; keep what bytes() answers");
    this.#isRead = true;
    yield this.#trace;
    yield* this.#feed;
  }

  /**
   * Reads the whole message into memory; at most the server's `maxSize` octets and the Received field.
   */
  async bytes(): Promise<Uint8Array<ArrayBuffer>> {
    const slices: Uint8Array[] = [];
    let length = 0;
    for await (const slice of this.content) {
      slices.push(slice.slice());
      length += slice.length;
    }
    const whole = new Uint8Array(length);
    let at = 0;
    for (const slice of slices) {
      whole.set(slice, at);
      at += slice.length;
    }
    return whole;
  }

  /** Reads the whole message as text; octets that are not UTF-8 become U+FFFD. */
  async text(): Promise<string> {
    return new TextDecoder().decode(await this.bytes());
  }

  /**
   * Answers the client: 250 if nothing is given, else a reply; or the results for the recipients, in
   * their order, as `relay` gives them. In SMTP these become the one reply that there is room for
   * (a failure where there was one), in LMTP each recipient has its own. The first answer counts.
   */
  accept(outcome: Reply | readonly { readonly reply: Reply }[] = ACCEPTED): void {
    this.#feed.leave();
    this.#answer("code" in outcome ? outcome : outcome.map((result) => result.reply));
  }

  /**
   * Refuses the message with the reply of an error; the rest of it is read from the client and dropped.
   */
  refuse(error: SmtpError = new SmtpError(554, "5.0.0", "Message refused")): void {
    this.accept(error.reply);
  }
}

/** A message that has no end yet, or no answer. */
interface OpenMail {
  readonly mail: IncomingMail;
  /** Answers the client, if the program has not, and drops what it has not read. */
  finish(answer: Reply): void;
}

/** The reply for each recipient that the client named, of those for whom it stands. */
function replyForEach(answer: readonly Reply[], counts: readonly number[]): readonly Reply[] {
  if (answer.length !== counts.reduce((sum, count) => sum + count, 0)) {
    throw new TypeError(`Cannot use ${answer.length} replies to one message`);
  }
  let at = 0;
  return counts.map((count) => replyForAll(answer.slice(at, at += count)));
}

/** Hands the messages of one session to whoever iterates over it. */
export class MailQueue implements Intake {
  /** The message that the program has not seen, and the one that it saw last. */
  #waiting: OpenMail | undefined;
  #given: OpenMail | undefined;
  /** Whether nobody will ask for a message any more, or none will come. */
  #isOver = false;
  readonly #breakOffs = new WeakSet<Error>();
  #wake = () => {};

  /** Takes a mail transaction. */
  mail(session: Session, mail: MailParameters): IntakeTransaction {
    const forwardPaths: Mailbox[] = [];
    /** How many of them stand for each recipient that the client named. */
    const counts: number[] = [];
    const feed = new ContentFeed();
    const { promise: answered, resolve: answer } = Promise.withResolvers<
      Reply | readonly Reply[]
    >();
    let open: OpenMail | undefined;
    return {
      rcpt: ({ forwardPath }, decision = {}) => {
        if (decision.route !== undefined) {
          throw new TypeError("Cannot choose a route: the program says where mail goes");
        }
        const paths = decision.forwardPaths ?? [forwardPath];
        forwardPaths.push(...paths);
        counts.push(paths.length);
        return RCPT_OK;
      },
      data: (trace) => {
        if (this.#isOver) return UNANSWERED;
        open = {
          mail: new IncomingMail({ ...mail, forwardPaths }, trace, feed, answer),
          finish(reply) {
            feed.leave();
            answer(reply);
          },
        };
        this.#waiting = open;
        this.#wake();
      },
      write: (bytes) => feed.give(bytes),
      end: () => {
        feed.end();
        return chain(answered, (answer) => {
          if ("code" in answer) return answer;
          return session.protocol === "LMTP" ? replyForEach(answer, counts) : replyForAll(answer);
        });
      },
      abort: () => {
        if (this.#waiting === open) this.#waiting = undefined;
        const error = new Error("Cannot read on: the client did not send the whole message");
        this.#breakOffs.add(error);
        feed.fail(error);
      },
    };
  }

  /** Whether an error says that the client broke off a message, which is no fault of the program. */
  isBreakOff(error: unknown): boolean {
    return error instanceof Error && this.#breakOffs.has(error);
  }

  /** Gives no more messages. One that has begun to come is for another time. */
  end(): void {
    this.#isOver = true;
    this.#waiting?.finish(UNANSWERED);
    this.#waiting = undefined;
    this.#wake();
  }

  /** Gives no more messages, and answers the one that the program has, if it did not. */
  close(answer: Reply = UNANSWERED): void {
    this.#given?.finish(answer);
    this.end();
  }

  /** Gives the messages one by one. One that was not answered when the next is asked for gets 451. */
  async *[Symbol.asyncIterator](): AsyncGenerator<IncomingMail> {
    for (;;) {
      const next = this.#waiting;
      if (next !== undefined) {
        this.#waiting = undefined;
        this.#given = next;
        yield next.mail;
        next.finish(UNANSWERED);
      } else if (this.#isOver) {
        return;
      } else {
        await new Promise<void>((resolve) => this.#wake = resolve);
      }
    }
  }
}
