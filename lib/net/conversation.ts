/** What a server says in a session: policy and the intake are asked, and the client is answered. @module */
import type { ClientLimits } from "../policy/client_limits.ts";
import type { MaybePromise } from "../policy/hooks.ts";
import type { SaslExchange, SaslServer, SaslStep } from "../policy/sasl.ts";
import { type Session, tlsText } from "../policy/session.ts";
import { readVerdict } from "../policy/verdict.ts";
import { type Cidr, cidrContains, parseIp } from "../policy/network.ts";
import type { ClientAttributes, TrustedVerb } from "../smtp/client_attributes.ts";
import type { Receiver } from "../smtp/receiver.ts";
import type { ReceiverEvent, ReceiverQuestion } from "../smtp/receiver_events.ts";
import { isPermanent, isPositive, printable, type Reply, standingReply } from "../smtp/reply.ts";
import { ClientSession } from "./client_session.ts";
import type { LogFields } from "./log.ts";
import { MailTransaction, type TransactionContext } from "./mail_transaction.ts";
import { chain, guarded } from "./maybe_promise.ts";
import { replyTo } from "./refusal.ts";
import type { TlsIdentity } from "./tls_identity.ts";
import type { ServerTlsFacts } from "./tls_transport.ts";
import { clientFacts, type Ends } from "./xclient.ts";
import { upstreamOf } from "./xforward.ts";

/** Networks of peers that are believed what they say of other clients, by the command that says it. */
export type TrustedPeers = Readonly<Partial<Record<TrustedVerb, readonly Cidr[]>>>;

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
  /** Peers that are believed what they say of other clients. */
  readonly trustedPeers?: TrustedPeers;
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
const UPSTREAM_OK = standingReply(250, "2.0.0", "Ok");
const CHUNK_OK = standingReply(250, "2.0.0", "Chunk ok");

/** Said to a client that is still there when the server goes. */
export const SHUTTING_DOWN: Reply = standingReply(
  421,
  "4.3.2",
  "Service shutting down, try again later",
);

/** What belongs to an exchange that proves who the client is. */
type AuthQuestion = Extract<ReceiverQuestion, { readonly type: "auth" | "response" }>;

/** One session, and the mail transaction that is open in it. */
export class Conversation {
  readonly #context: ConversationContext;
  readonly #receiver: Receiver;
  readonly #session: ClientSession;
  #exchange: SaslExchange | undefined;
  #transaction: MailTransaction | undefined;
  #isEnding = false;

  /** Answers what `receiver` asks. */
  constructor(context: ConversationContext, receiver: Receiver, ends: Ends) {
    this.#context = context;
    this.#receiver = receiver;
    this.#session = new ClientSession(ends);
    const verbs = trustedVerbs(context.trustedPeers, ends.remote.address);
    if (verbs.length > 0) receiver.trustPeer(verbs);
  }

  /** What is known of the client. */
  get session(): Session {
    return this.#session;
  }

  /** The session runs inside TLS from now on. */
  secured(tls: ServerTlsFacts): void {
    this.#session.secure(tls);
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
    const { id, remote } = this.#session;
    this.#context.log(level, event, { session: id, client: remote.address, ...fields });
  }

  /** Deals with one event; a promise if that takes time. */
  handle(event: ReceiverEvent): MaybePromise<void> {
    return guarded(() => this.#handle(event), (error) => {
      replyTo(error, this.#context.log, this.#session, event.type);
      this.#receiver.close(INTERNAL_ERROR);
    });
  }

  /** Refuses what is asked without asking anybody; of a message that has come, nothing is kept. */
  refuse({ type }: ReceiverEvent, refusal: Reply): void {
    if (type === "data" || type === "end") this.#dropTransaction("fault");
    this.#receiver.reply(refusal);
  }

  #handle(event: ReceiverEvent): MaybePromise<void> {
    switch (event.type) {
      case "content":
        return this.#transaction?.write(event.bytes) ?? undefined;
      case "refusal":
        this.#logRefusal(event.step, event.reply);
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
        this.#logRefusal("auth", event.reply, { mechanism: this.#exchange?.mechanism });
        this.#exchange = undefined;
        return;
      default:
        return chain(this.#answer(event), (answer) => this.#receiver.reply(answer));
    }
  }

  /** Goes on with an exchange that proves who the client is. */
  #converse(question: AuthQuestion): MaybePromise<void> {
    const { sasl, log } = this.#context;
    const isFirst = question.type === "auth";
    const exchange = isFirst ? sasl?.begin(question.mechanism, this.#session) : this.#exchange;
    this.#exchange = undefined;
    if (exchange === undefined) return this.#receiver.reply(this.#logRefusal("auth", NO_MECHANISM));
    const { mechanism } = exchange;
    const asked = guarded(
      () => exchange.next(isFirst ? question.initialResponse : question.octets),
      (error): SaslStep => ({ kind: "failure", reply: replyTo(error, log, this.#session, "auth") }),
    );
    return chain(asked, (step) => {
      switch (step.kind) {
        case "challenge":
          this.#exchange = exchange;
          return this.#receiver.challenge(step.octets);
        case "success":
          this.#session.authenticate(step.account);
          this.log("info", "authenticated", { account: step.account, mechanism });
          return this.#receiver.reply(AUTHENTICATED);
        case "failure":
          if (step.error !== undefined) {
            log("warn", "auth-failed", { session: this.#session.id, error: `${step.error}` });
          }
          return this.#receiver.reply(this.#logRefusal("auth", step.reply, { mechanism }));
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
        if (this.#context.mustAuthenticate && this.#session.account === undefined) {
          return this.#logRefusal("mail", AUTHENTICATE_FIRST);
        }
        const id = this.#context.nextMessageId();
        const begun = chain(
          this.#context.clients.mail(this.#session),
          (refusal) =>
            refusal ?? MailTransaction.begin(this.#context, this.#session, id, question.mail),
        );
        return chain(begun, (transaction) => {
          if ("code" in transaction) return this.#logRefusal("mail", transaction);
          this.#transaction = transaction;
          return transaction.accepted;
        });
      }
      case "rcpt": {
        const answered = this.#context.clients.rcpt(this.#session) ??
          this.#transaction!.rcpt(question.rcpt);
        return chain(answered, (answer) => {
          if (isPositive(answer)) return answer;
          const { localPart, domain } = question.rcpt.forwardPath;
          return this.#logRefusal("rcpt", answer, { recipient: `${localPart}@${domain}` });
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
      case "xforward":
        return this.#answerXforward(question.attributes);
      case "chunk":
        return CHUNK_OK;
      case "end":
        return this.#answerEnd(question.size);
    }
  }

  /** The peer speaks for a client, which is greeted next as if it had connected itself. */
  #answerXclient(attributes: ClientAttributes<"XCLIENT">): Reply {
    const facts = clientFacts(attributes, this.#session);
    if ("code" in facts) return this.#logRefusal("xclient", facts);
    // Written before anything changes: this line joins the peer and the client it speaks for.
    this.log("info", "xclient", {
      for: facts.remote.address,
      name: attributes.get("NAME") ?? undefined,
      account: facts.account,
    });
    this.#session.speakFor(facts);
    const refusal = this.#context.clients.connect(facts.remote.address);
    return refusal === undefined ? this.#context.greeting : this.#logRefusal("connect", refusal);
  }

  #answerXforward(attributes: ClientAttributes<"XFORWARD">): Reply {
    const upstream = upstreamOf(attributes, this.#session.upstream);
    if ("code" in upstream) return this.#logRefusal("xforward", upstream);
    this.#session.handOn(upstream);
    return UPSTREAM_OK;
  }

  #answerConnect(): MaybePromise<Reply> {
    const { hooks, greeting, log } = this.#context;
    this.log("debug", "connected");
    return guarded(
      () =>
        chain(hooks.connect?.(this.#session), (verdict) => {
          const refusal = readVerdict(verdict);
          if (refusal !== undefined) return this.#logRefusal("connect", refusal);
          return greeting;
        }),
      (error) => replyTo(error, log, this.#session, "connect"),
    );
  }

  /** A greeting that is refused leaves the session as it was (RFC 5321 section 4.1.4). */
  #answerHelo(verb: "HELO" | "EHLO" | "LHLO", name: string): MaybePromise<Reply> {
    const { hooks, hello, log } = this.#context;
    const takeBack = this.#session.greet(verb, name);
    const answered = guarded(
      () => chain(hooks.helo?.(this.#session), readVerdict),
      (error) => replyTo(error, log, this.#session, "helo"),
    );
    return chain(answered, (refusal) => {
      if (refusal === undefined) {
        this.#dropTransaction();
        this.#receiver.offerAuth(this.#context.sasl?.mechanisms(this.#session) ?? []);
        return hello;
      }
      takeBack();
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
        const { account, tls, upstream } = this.#session;
        this.log("info", "accepted", {
          id: transaction.id,
          from: reversePath === null ? "<>" : `${reversePath.localPart}@${reversePath.domain}`,
          size,
          recipients: transaction.forwardPaths.length,
          account,
          tls: tls && tlsText(tls),
          for: upstream?.address,
          forName: upstream?.name,
          forHelo: upstream?.heloName,
          forId: upstream?.id,
        });
      } else {
        this.#logRefusal("end of data", refused);
      }
      this.#session.handOn(undefined);
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
    return replyTo(error, log, this.#session, "end of data");
  }

  #logRefusal(step: string, refusal: Reply, fields: LogFields = {}): Reply {
    if (isPermanent(refusal)) this.#context.clients.refused(this.#session);
    this.log("info", "refused", {
      step,
      ...fields,
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
    this.#session.handOn(undefined);
    if (cause !== undefined) {
      this.log("info", "dropped", { id: transaction.id, cause });
    }
    transaction.abort();
  }
}

/** What a peer may say of other clients. */
function trustedVerbs(trusted: TrustedPeers = {}, address: string): TrustedVerb[] {
  const peer = parseIp(address);
  if (peer === undefined) return [];
  return (["XCLIENT", "XFORWARD"] as const)
    .filter((verb) => trusted[verb]?.some((network) => cidrContains(network, peer)));
}
