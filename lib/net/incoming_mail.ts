/** A message as a program takes it from a session: the library's view of a mail transaction. @module */
import type { Session } from "../policy/session.ts";
import type { Envelope, MailParameters } from "../smtp/envelope.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { chain } from "./maybe_promise.ts";
import { type Reply, reply, replyForAll, SmtpError } from "../smtp/reply.ts";
import { ContentFeed } from "./content_feed.ts";
import type { Intake, IntakeTransaction } from "./intake.ts";

const RCPT_OK = reply(250, "2.1.5", "Recipient ok");
const ACCEPTED = reply(250, "2.0.0", "Accepted");
const UNANSWERED = reply(451, "4.3.0", "The message was not dealt with, try again later");

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
  readonly #feed: ContentFeed;
  readonly #trace: Uint8Array;
  readonly #answer: (answer: Reply | readonly Reply[]) => void;

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
    this.#feed = feed;
    this.#trace = encoder.encode(trace);
    this.#answer = answer;
  }

  /**
   * The message as it is to be passed on: our Received field, then the client's octets, dots unstuffed
   * and lines ended by CR LF. It can be read once, while the client sends; a slice is valid until the
   * next one is asked for. It fails when the client goes away before the end.
   */
  get content(): AsyncIterable<Uint8Array> {
    return this.#read();
  }

  async *#read(): AsyncGenerator<Uint8Array> {
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
   * (a failure where there was one), in LMTP each recipient has its own.
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

/** Hands the messages of one session to whoever iterates over it. */
export class MailQueue implements Intake {
  #mail: IncomingMail | undefined;
  #isOver = false;
  #wake = () => {};
  /** Answers the message that is out with the program, if it did not. */
  #finish = () => {};

  /** Takes a mail transaction. */
  mail(session: Session, mail: MailParameters): IntakeTransaction {
    const forwardPaths: Mailbox[] = [];
    const feed = new ContentFeed();
    const { promise: answered, resolve: answer } = Promise.withResolvers<
      Reply | readonly Reply[]
    >();
    return {
      rcpt: ({ forwardPath }) => {
        forwardPaths.push(forwardPath);
        return RCPT_OK;
      },
      data: (trace) => {
        this.#mail = new IncomingMail({ ...mail, forwardPaths }, trace, feed, answer);
        this.#finish = () => {
          feed.leave();
          answer(UNANSWERED);
        };
        this.#wake();
      },
      write: (bytes) => feed.give(bytes),
      end: () => {
        feed.end();
        return chain(
          answered,
          (answer) =>
            "code" in answer || session.protocol === "LMTP" ? answer : replyForAll(answer),
        );
      },
      abort: () =>
        feed.fail(new Error("Cannot read on: the client did not send the whole message")),
    };
  }

  /** Says that no more messages come. */
  end(): void {
    this.#isOver = true;
    this.#wake();
  }

  /** Gives the messages one by one. One that was not answered when the next is asked for gets 451. */
  async *[Symbol.asyncIterator](): AsyncGenerator<IncomingMail> {
    try {
      for (;;) {
        const mail = this.#mail;
        if (mail !== undefined) {
          this.#mail = undefined;
          yield mail;
          this.#finish();
        } else if (this.#isOver) {
          return;
        } else {
          await new Promise<void>((resolve) => this.#wake = resolve);
        }
      }
    } finally {
      this.#finish();
    }
  }
}
