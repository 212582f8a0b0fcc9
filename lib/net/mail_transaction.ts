/** One mail transaction of a session: asks policy, then the intake, and answers the client. @module */
import { HeaderScanner } from "../message/header_scanner.ts";
import { hasTlsRequiredNo } from "../message/tls_required.ts";
import {
  receivedField,
  separatorBefore,
  type TransmissionType,
  transmissionType,
} from "../message/trace.ts";
import type { Hooks, MaybePromise, Verdict } from "../policy/hooks.ts";
import { checkRelaying, type RelayingRules } from "../policy/relaying.ts";
import type { Session } from "../policy/session.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { isPositive, type Reply, SmtpError, standingReply } from "../smtp/reply.ts";
import type { Clock } from "./clock.ts";
import { ContentFeed } from "./content_feed.ts";
import type { Intake, IntakeTransaction } from "./intake.ts";
import type { Log } from "./log.ts";
import { chain, guarded } from "./maybe_promise.ts";

/** What a session's transactions have in common. */
export interface TransactionContext {
  /** Our name in the Received field. */
  readonly hostname: string;
  /** Whether the Received field tells nothing of the client. */
  readonly hidesClient?: boolean;
  readonly hooks: Hooks;
  readonly relaying: RelayingRules;
  readonly intake: Intake;
  readonly log: Log;
  readonly clock: Clock;
}

const MAIL_OK = standingReply(250, "2.1.0", "Sender ok");
const DATA_OK = standingReply(354, undefined);
const BUG = standingReply(451, "4.3.0", "Internal error, try again later");

/**
 * What a thrown error is answered with. Anything but an `SmtpError` is a bug, and goes to the log; so
 * does one with a positive reply, which would say that something is done which failed.
 */
export function replyTo(error: unknown, log: Log, session: Session, step: string): Reply {
  if (error instanceof SmtpError && isRefusal(error.reply)) return error.reply;
  log("error", "bug", {
    session: session.id,
    step,
    error: error instanceof Error ? error.stack ?? error.message : String(error),
  });
  return BUG;
}

/** Whether a value is a negative reply; hooks may be written without types. */
function isRefusal(value: Reply | null): value is Reply {
  return value !== null && value.code >= 400 && value.code < 600 && value.lines?.length > 0;
}

/** Reads a verdict: the reply that refuses, `"permit"`, or nothing. */
export function refusalOf(verdict: Verdict | void): Reply | undefined {
  if (verdict === undefined || verdict === "permit") return undefined;
  if (!isRefusal(verdict)) {
    throw new TypeError("Cannot take anything but a negative reply or `permit` as a verdict");
  }
  return verdict;
}

/** How a message of a session comes, as its Received field says. */
export function transmissionTypeOf(
  { protocol, tls, account }: Session,
  { smtpUtf8 }: MailParameters,
): TransmissionType {
  return transmissionType({
    protocol,
    smtpUtf8,
    tls: tls !== undefined,
    authenticated: account !== undefined,
  });
}

/** A mail transaction between MAIL and the end of its mail data. */
export class MailTransaction {
  /** A name for the message, unique among those that this process accepts. */
  readonly id: string;
  /** What MAIL said. */
  readonly mail: MailParameters;
  readonly #context: TransactionContext;
  readonly #session: Session;
  readonly #intake: IntakeTransaction;
  readonly #forwardPaths: Mailbox[] = [];
  #header: HeaderScanner | undefined;
  #feed: ContentFeed | undefined;
  /** What the data hook answers; settles by itself, without throwing. */
  #hook: MaybePromise<Reply | undefined>;
  #hookWasAsked = false;
  /** Set once the message cannot be accepted any more: the rest of it is dropped. */
  #refusal: Reply | undefined;
  /** Whether the intake was told the end, one way or the other. */
  #isOver = false;

  private constructor(
    context: TransactionContext,
    session: Session,
    id: string,
    mail: MailParameters,
    intake: IntakeTransaction,
  ) {
    this.#context = context;
    this.#session = session;
    this.id = id;
    this.mail = mail;
    this.#intake = intake;
  }

  /** Begins a transaction, or answers the reply that refuses it. */
  static begin(
    context: TransactionContext,
    session: Session,
    id: string,
    mail: MailParameters,
  ): MaybePromise<MailTransaction | Reply> {
    const { hooks, intake } = context;
    const rescue = (error: unknown) => replyTo(error, context.log, session, "mail");
    return guarded(
      () =>
        chain(hooks.mail?.(session, mail), (verdict) =>
          refusalOf(verdict) ??
            chain(
              intake.mail(session, mail, id),
              (begun) => {
                if (!("code" in begun)) {
                  return new MailTransaction(context, session, id, mail, begun);
                }
                if (isRefusal(begun)) return begun;
                throw new TypeError("Cannot begin a mail transaction with a positive reply");
              },
            )),
      rescue,
    );
  }

  /** The reply to a positive MAIL. */
  get accepted(): Reply {
    return MAIL_OK;
  }

  /** The mailboxes that were accepted. */
  get forwardPaths(): readonly Mailbox[] {
    return this.#forwardPaths;
  }

  /** Answers RCPT. */
  rcpt(rcpt: RcptParameters): MaybePromise<Reply> {
    const { hooks, relaying } = this.#context;
    return guarded(
      () =>
        chain(hooks.rcpt?.(this.#session, rcpt, this.mail), (verdict) =>
          refusalOf(verdict) ??
            (verdict === "permit"
              ? undefined
              : checkRelaying(relaying, this.#session, rcpt.forwardPath)) ??
            chain(this.#intake.rcpt(rcpt), (answer) => {
              if (isPositive(answer)) this.#forwardPaths.push(rcpt.forwardPath);
              return answer;
            })),
      (error) => replyTo(error, this.#context.log, this.#session, "rcpt"),
    );
  }

  /** Answers DATA, or the first BDAT. */
  data(): MaybePromise<Reply> {
    this.#header = new HeaderScanner();
    return guarded(
      () => chain(this.#intake.data(this.#trace()), (answer) => answer ?? DATA_OK),
      (error) => replyTo(error, this.#context.log, this.#session, "data"),
    );
  }

  #trace(): string {
    const { hostname, hidesClient, clock } = this.#context;
    const { heloName, tls } = this.#session;
    return receivedField({
      session: this.#session,
      hidesClient,
      heloName,
      hostname,
      id: this.id,
      protocol: transmissionTypeOf(this.#session, this.mail),
      tls,
      forwardPath: this.#forwardPaths.length === 1 ? this.#forwardPaths[0] : undefined,
      date: new Date(clock.now()),
    });
  }

  /** Takes a slice of mail data. Never throws: what goes wrong is the reply at the end. */
  write(bytes: Uint8Array): MaybePromise<void> {
    const header = this.#header;
    // What the data hook refused is aborted here, where the intake is not in the middle of a call.
    if (this.#refusal !== undefined || header === undefined) return this.#endIntake();
    return guarded(
      () => {
        if (header.isComplete) {
          return this.#feed === undefined ? this.#intake.write(bytes) : this.#writeFed(bytes);
        }
        const before = header.octets;
        header.scan(bytes);
        if (header.refusal !== undefined) return this.#refuse(header.refusal);
        const separator = before.length === 0 ? separatorBefore(bytes[0]) : undefined;
        return chain(
          separator && this.#intake.write(separator),
          () =>
            chain(this.#intake.write(bytes), () => {
              if (header.isComplete) return this.#askHook(header, [before, bytes]);
            }),
        );
      },
      (error) => this.#refuse(replyTo(error, this.#context.log, this.#session, "mail data")),
    );
  }

  async #writeFed(bytes: Uint8Array): Promise<void> {
    // The hook first: what it refuses need not go any further.
    await this.#feed!.give(bytes);
    if (this.#refusal === undefined) await this.#intake.write(bytes);
  }

  /** Calls the data hook, gives it what has come so far, and goes on with it beside the client. */
  #askHook(header: HeaderScanner, head: readonly Uint8Array[]): MaybePromise<void> {
    const { hooks, log } = this.#context;
    this.#hookWasAsked = true;
    if (hooks.data === undefined) return;
    const feed = new ContentFeed();
    const asked = guarded(
      () =>
        chain(
          hooks.data?.(this.#session, {
            envelope: { ...this.mail, forwardPaths: this.#forwardPaths },
            header: header.fields(),
            content: feed,
          }),
          refusalOf,
        ),
      // What a hook makes of a message that stops half way is no bug, and nobody hears its answer.
      (error) => feed.hasFailed ? undefined : replyTo(error, log, this.#session, "data hook"),
    );
    if (!(asked instanceof Promise)) {
      if (asked !== undefined) this.#refuse(asked);
      return;
    }
    this.#feed = feed;
    this.#hook = asked.then((refusal) => {
      this.#refusal ??= refusal;
      this.#feed = undefined;
      feed.leave();
      return refusal;
    });
    return this.#giveHead(feed, head);
  }

  async #giveHead(feed: ContentFeed, head: readonly Uint8Array[]): Promise<void> {
    for (const slice of head) await feed.give(slice);
  }

  /** Refuses the message, at a time when nothing is asked of the intake. */
  #refuse(refusal: Reply): void {
    this.#refusal ??= refusal;
    this.#feed?.fail(new Error("Cannot read on: the message was refused"));
    this.#endIntake();
  }

  /** Answers the end of the mail data. */
  end(): MaybePromise<Reply | readonly Reply[]> {
    const header = this.#header!;
    return guarded(
      () => {
        let asked: MaybePromise<void> = undefined;
        if (!this.#hookWasAsked && this.#refusal === undefined) {
          header.end();
          asked = this.#askHook(header, [header.octets]);
        }
        return chain(asked, () => {
          this.#feed?.end();
          return chain(this.#hook, () => {
            if (this.#refusal !== undefined) {
              this.#endIntake();
              return this.#refusal;
            }
            this.#isOver = true;
            return this.#intake.end({ tlsRequiredNo: hasTlsRequiredNo(header.octets) });
          });
        });
      },
      (error) => replyTo(error, this.#context.log, this.#session, "end of mail data"),
    );
  }

  /** The transaction is over without a message. */
  abort(): void {
    this.#feed?.fail(new Error("Cannot read on: the client did not send the whole message"));
    this.#endIntake();
  }

  #endIntake(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    try {
      this.#intake.abort();
    } catch (error) {
      replyTo(error, this.#context.log, this.#session, "abort");
    }
  }
}
