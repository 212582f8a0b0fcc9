/** What a server says in a session: policy and the intake are asked, and the client is answered. @module */
import type { ClientLimits } from "../policy/client_limits.ts";
import type { MaybePromise } from "../policy/hooks.ts";
import type { SaslExchange, SaslServer, SaslSession, SaslStep } from "../policy/sasl.ts";
import { type Endpoint, type Session, type TlsFacts, tlsText } from "../policy/session.ts";
import { type Cidr, cidrContains, parseIp } from "../policy/network.ts";
import type { ClientAttributes } from "../smtp/client_attributes.ts";
import type { Receiver } from "../smtp/receiver.ts";
import type { ReceiverEvent, ReceiverQuestion } from "../smtp/receiver_events.ts";
import { isPermanent, isPositive, printable, type Reply, standingReply } from "../smtp/reply.ts";
import { newId } from "./id.ts";
import type { LogFields } from "./log.ts";
import {
  MailTransaction,
  refusalOf,
  replyTo,
  type TransactionContext,
} from "./mail_transaction.ts";
import { chain, guarded } from "./maybe_promise.ts";
import type { TlsIdentity } from "./tls_identity.ts";
import type { ServerTlsFacts } from "./tls_transport.ts";
import { clientFacts } from "./xclient.ts";

/** What the conversations of a server share. */
export interface ConversationContext extends TransactionContext {
  /** What a client may ask for in a time. */
  readonly clients: ClientLimits;
  /** The positive reply to a connection. */
  readonly greeting: Reply;
  /** The positive reply to HELO, EHLO and LHLO; the receiver adds the extensions. */
  readonly hello: Reply;
  /** Whether LMTP is spoken. */
  readonly lmtp?: boolean;
  /** Makes the name of the next message. */
  readonly nextMessageId: () => string;
  /** Our certificates, if there are any. */
  readonly identity?: TlsIdentity;
  /** Who authenticates clients, if somebody does. */
  readonly sasl?: SaslServer;
  /** Peers that may say by XCLIENT for whom they speak. */
  readonly trustedPeers?: readonly Cidr[];
  /** Whether mail is taken only from clients that have authenticated. */
  readonly mustAuthenticate?: boolean;
}

const INTERNAL_ERROR = standingReply(421, "4.3.0", "Internal error, try again later");
const READY_FOR_TLS = standingReply(220, "2.0.0", "Ready to start TLS");
const NO_TLS = standingReply(454, "4.7.0", "TLS is not available now");
const AUTHENTICATED = standingReply(235, "2.7.0", "Authentication successful");
const NO_MECHANISM = standingReply(504, "5.5.4", "Mechanism not offered here");
/** RFC 4954 section 6. */
const AUTHENTICATE_FIRST = standingReply(530, "5.7.0", "Authentication required");
const CHUNK_OK = standingReply(250, "2.0.0", "Chunk ok");

/** Said to a client that is still there when the server goes. */
export const SHUTTING_DOWN: Reply = standingReply(
  421,
  "4.3.2",
  "Service shutting down, try again later",
);

/** What belongs to an exchange that proves who the client is. */
type AuthQuestion = Extract<ReceiverQuestion, { readonly type: "auth" | "response" }>;

/** The protocol that each greeting asks for. */
const PROTOCOLS = { HELO: "SMTP", EHLO: "ESMTP", LHLO: "LMTP" } as const;

/** One session, and the mail transaction that is open in it. */
export class Conversation implements SaslSession {
  readonly id: string = newId();
  readonly #context: ConversationContext;
  readonly #receiver: Receiver;
  #remote: Endpoint;
  #local: Endpoint;
  #protocol: Session["protocol"];
  #heloName: string | undefined;
  #tls: ServerTlsFacts | undefined;
  #account: string | undefined;
  #exchange: SaslExchange | undefined;
  #transaction: MailTransaction | undefined;
  #isEnding = false;

  /** Answers what `receiver` asks. */
  constructor(
    context: ConversationContext,
    receiver: Receiver,
    ends: { readonly remote: Endpoint; readonly local: Endpoint },
  ) {
    this.#context = context;
    this.#receiver = receiver;
    this.#remote = ends.remote;
    this.#local = ends.local;
    const peer = parseIp(ends.remote.address);
    if (
      peer !== undefined && context.trustedPeers?.some((trusted) => cidrContains(trusted, peer))
    ) {
      receiver.trustPeer();
    }
  }

  get remote(): Endpoint {
    return this.#remote;
  }

  get local(): Endpoint {
    return this.#local;
  }

  get protocol(): Session["protocol"] {
    return this.#protocol;
  }

  get heloName(): string | undefined {
    return this.#heloName;
  }

  get tls(): TlsFacts | undefined {
    return this.#tls;
  }

  get account(): string | undefined {
    return this.#account;
  }

  get endPoint(): Uint8Array | undefined {
    return this.#tls?.endPoint;
  }

  /**
   * The session runs inside TLS from now on. What the client said of itself before, anybody may have
   * said (RFC 3207 section 4.2).
   */
  secured(tls: ServerTlsFacts): void {
    this.#tls = tls;
    this.#protocol = undefined;
    this.#heloName = undefined;
    this.#account = undefined;
    this.log("debug", "secured", { version: tls.version, cipher: tls.cipher });
  }

  /** Whether a mail transaction is open. */
  get hasTransaction(): boolean {
    return this.#transaction !== undefined;
  }

  /** Lets no further mail transaction begin. */
  beginNoMore(): void {
    this.#isEnding = true;
  }

  /** Drops the mail transaction that is open: the session is over. */
  end(): void {
    this.#dropTransaction();
  }

  /** Writes an event of this session to the log. */
  log(level: "debug" | "info", event: string, fields: LogFields = {}): void {
    this.#context.log(level, event, { session: this.id, client: this.remote.address, ...fields });
  }

  /** Deals with one event; a promise if that takes time. */
  handle(event: ReceiverEvent): MaybePromise<void> {
    return guarded(() => this.#handle(event), (error) => {
      replyTo(error, this.#context.log, this, event.type);
      this.#receiver.close(INTERNAL_ERROR);
    });
  }

  #handle(event: ReceiverEvent): MaybePromise<void> {
    switch (event.type) {
      case "content":
        return this.#transaction?.write(event.bytes) ?? undefined;
      case "refusal":
        this.#logRefusal("command", event.reply);
        return;
      case "reset":
        this.#dropTransaction(event.cause === "RSET" ? undefined : event.cause);
        return;
      case "close":
        this.log("debug", "closed", { code: event.reply.code });
        return;
      case "auth":
      case "response":
        return this.#converse(event);
      case "auth cancelled":
        this.#exchange = undefined;
        this.#logRefusal("auth", event.reply);
        return;
      default:
        return chain(this.#answer(event), (answer) => this.#receiver.reply(answer));
    }
  }

  /** Goes on with an exchange that proves who the client is. */
  #converse(question: AuthQuestion): MaybePromise<void> {
    const { sasl, log } = this.#context;
    const isFirst = question.type === "auth";
    const exchange = isFirst ? sasl?.begin(question.mechanism, this) : this.#exchange;
    this.#exchange = undefined;
    if (exchange === undefined) return this.#receiver.reply(this.#logRefusal("auth", NO_MECHANISM));
    const asked = guarded(
      () => exchange.next(isFirst ? question.initialResponse : question.octets),
      (error): SaslStep => ({ kind: "failure", reply: replyTo(error, log, this, "auth") }),
    );
    return chain(asked, (step) => {
      switch (step.kind) {
        case "challenge":
          this.#exchange = exchange;
          return this.#receiver.challenge(step.octets);
        case "success":
          this.#account = step.account;
          this.log("info", "authenticated", { account: step.account });
          return this.#receiver.reply(AUTHENTICATED);
        case "failure":
          if (step.error !== undefined) {
            log("warn", "auth-failed", { session: this.id, error: `${step.error}` });
          }
          return this.#receiver.reply(this.#logRefusal("auth", step.reply));
      }
    });
  }

  #answer(
    question: Exclude<ReceiverQuestion, AuthQuestion>,
  ): MaybePromise<Reply | readonly Reply[]> {
    switch (question.type) {
      case "connect":
        return this.#answerConnect();
      case "helo":
        return this.#answerHelo(question.verb, printable(question.name));
      case "mail": {
        if (this.#isEnding) return SHUTTING_DOWN;
        if (this.#context.mustAuthenticate && this.#account === undefined) {
          return this.#logRefusal("mail", AUTHENTICATE_FIRST);
        }
        const id = this.#context.nextMessageId();
        const begun = chain(
          this.#context.clients.mail(this),
          (refusal) => refusal ?? MailTransaction.begin(this.#context, this, id, question.mail),
        );
        return chain(begun, (transaction) => {
          if ("code" in transaction) return this.#logRefusal("mail", transaction);
          this.#transaction = transaction;
          return transaction.accepted;
        });
      }
      case "rcpt": {
        const answered = this.#context.clients.rcpt(this) ??
          this.#transaction!.rcpt(question.rcpt);
        return chain(answered, (answer) => {
          if (isPositive(answer)) return answer;
          const { localPart, domain } = question.rcpt.forwardPath;
          return this.#logRefusal("rcpt", answer, `${localPart}@${domain}`);
        });
      }
      case "data":
        return chain(this.#transaction!.data(), (answer) => {
          if (!isPositive(answer)) this.#dropTransaction();
          return isPositive(answer) ? answer : this.#logRefusal("data", answer);
        });
      case "starttls":
        return this.#context.identity === undefined ? NO_TLS : READY_FOR_TLS;
      case "xclient":
        return this.#answerXclient(question.attributes);
      case "chunk":
        return CHUNK_OK;
      case "end":
        return this.#answerEnd(question.size);
    }
  }

  /** The peer speaks for a client, which is greeted next as if it had connected itself. */
  #answerXclient(attributes: ClientAttributes): Reply {
    const facts = clientFacts(attributes, this);
    if ("code" in facts) return this.#logRefusal("xclient", facts);
    // Written before anything changes: this line joins the peer and the client it speaks for.
    this.log("info", "xclient", {
      for: facts.remote.address,
      name: attributes.get("NAME") ?? undefined,
      account: facts.account,
    });
    this.#remote = facts.remote;
    this.#local = facts.local;
    this.#protocol = facts.protocol;
    this.#heloName = facts.heloName;
    this.#account = facts.account;
    if (this.#tls !== undefined) {
      // The certificate is the peer's, and lets it relay: not those it speaks for.
      this.#tls = { ...this.#tls, clientFingerprint: undefined };
    }
    const refusal = this.#context.clients.connect(facts.remote.address);
    return refusal === undefined ? this.#context.greeting : this.#logRefusal("connect", refusal);
  }

  #answerConnect(): MaybePromise<Reply> {
    const { hooks, greeting, log } = this.#context;
    this.log("debug", "connected");
    return guarded(
      () =>
        chain(hooks.connect?.(this), (verdict) => {
          const refusal = refusalOf(verdict);
          if (refusal !== undefined) return this.#logRefusal("connect", refusal);
          return greeting;
        }),
      (error) => replyTo(error, log, this, "connect"),
    );
  }

  /** A greeting that is refused leaves the session as it was (RFC 5321 section 4.1.4). */
  #answerHelo(verb: keyof typeof PROTOCOLS, name: string): MaybePromise<Reply> {
    const { hooks, hello, log } = this.#context;
    const before = { protocol: this.#protocol, heloName: this.#heloName };
    this.#protocol = PROTOCOLS[verb];
    this.#heloName = name;
    const answered = guarded(
      () => chain(hooks.helo?.(this), refusalOf),
      (error) => replyTo(error, log, this, "helo"),
    );
    return chain(answered, (refusal) => {
      if (refusal === undefined) {
        this.#dropTransaction();
        this.#receiver.offerAuth(this.#context.sasl?.mechanisms(this) ?? []);
        return hello;
      }
      this.#protocol = before.protocol;
      this.#heloName = before.heloName;
      return this.#logRefusal("helo", refusal);
    });
  }

  #answerEnd(size: number): MaybePromise<Reply | readonly Reply[]> {
    const transaction = this.#transaction!;
    return chain(transaction.end(), (ended) => {
      this.#transaction = undefined;
      const answer = this.#checkCount(ended, transaction);
      const replies = "code" in answer ? [answer] : answer;
      const refused = replies.find((each) => !isPositive(each));
      if (refused === undefined) {
        const { reversePath } = transaction.mail;
        this.log("info", "accepted", {
          id: transaction.id,
          from: reversePath === null ? "<>" : `${reversePath.localPart}@${reversePath.domain}`,
          size,
          recipients: transaction.forwardPaths.length,
          account: this.#account,
          tls: this.#tls && tlsText(this.#tls),
        });
      } else {
        this.#logRefusal("end of data", refused);
      }
      return answer;
    });
  }

  /** An intake that answers for too many recipients, or too few, has said nothing that can be used. */
  #checkCount(
    answer: Reply | readonly Reply[],
    { forwardPaths }: MailTransaction,
  ): Reply | readonly Reply[] {
    const { lmtp, log } = this.#context;
    if ("code" in answer || answer.length === (lmtp ? forwardPaths.length : 1)) return answer;
    const error = new TypeError(`Cannot use ${answer.length} replies to one message`);
    return replyTo(error, log, this, "end of data");
  }

  #logRefusal(step: string, refusal: Reply, recipient?: string): Reply {
    if (isPermanent(refusal)) this.#context.clients.refused(this);
    this.log("info", "refused", {
      step,
      recipient,
      code: refusal.code,
      enhanced: refusal.enhanced,
      reply: refusal.lines.join(" / "),
    });
    return refusal;
  }

  #dropTransaction(cause?: string): void {
    const transaction = this.#transaction;
    if (transaction === undefined) return;
    this.#transaction = undefined;
    if (cause !== undefined) {
      this.log("info", "dropped", { id: transaction.id, cause });
    }
    transaction.abort();
  }
}
