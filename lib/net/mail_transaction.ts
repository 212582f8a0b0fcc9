/** One mail transaction of a session: asks policy, then the intake, and answers the client. @module */
import { receivedField, type TransmissionType, transmissionType } from "../message/trace.ts";
import type { Hooks, MaybePromise, RcptDecision } from "../policy/hooks.ts";
import { checkRelaying, type RelayingRules } from "../policy/relaying.ts";
import type { Session } from "../policy/session.ts";
import { readRcptVerdict, readVerdict } from "../policy/verdict.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { formatMailbox, type Mailbox } from "../smtp/mailbox.ts";
import { isPositive, type Reply, standingReply } from "../smtp/reply.ts";
import type { Clock } from "./clock.ts";
import type { Intake, IntakeTransaction } from "./intake.ts";
import type { Log } from "./log.ts";
import { MailData } from "./mail_data.ts";
import { chain, guarded } from "./maybe_promise.ts";
import { isRefusal, replyTo } from "./refusal.ts";

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
  readonly #data: MailData;

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
    const { hooks, log } = context;
    const envelope = { ...mail, forwardPaths: this.#forwardPaths };
    this.#data = new MailData({ hooks, log, session, id, envelope, intake });
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
          readVerdict(verdict) ??
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
    const { hooks } = this.#context;
    return guarded(
      () =>
        chain(hooks.rcpt?.(this.#session, rcpt, this.mail), (verdict) => {
          const decision = readRcptVerdict(verdict);
          return "code" in decision ? decision : this.#take(rcpt, decision);
        }),
      (error) => replyTo(error, this.#context.log, this.#session, "rcpt"),
    );
  }

  #take(rcpt: RcptParameters, decision: RcptDecision): MaybePromise<Reply> {
    const { relaying, log } = this.#context;
    const { permit, forwardPaths, route } = decision;
    const { forwardPath } = rcpt;
    const refusal = permit ? undefined : checkRelaying(relaying, this.#session, forwardPath);
    return refusal ?? chain(this.#intake.rcpt(rcpt, decision), (answer) => {
      if (!isPositive(answer)) return answer;
      this.#forwardPaths.push(forwardPath);
      if (forwardPaths !== undefined || route !== undefined) {
        log("info", "rewritten", {
          session: this.#session.id,
          id: this.id,
          recipient: formatMailbox(forwardPath),
          to: forwardPaths?.map(formatMailbox).join(" "),
          route,
        });
      }
      return answer;
    });
  }

  /** Answers DATA, or the first BDAT. */
  data(): MaybePromise<Reply> {
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
    return this.#data.write(bytes);
  }

  /** Answers the end of the mail data. */
  end(): MaybePromise<Reply | readonly Reply[]> {
    return this.#data.end();
  }

  /** The transaction is over without a message. */
  abort(): void {
    this.#data.abort();
  }
}
