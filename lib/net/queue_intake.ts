/** Takes mail into the queue: 250 is said once the message is on stable storage. @module */
import type { RcptDecision } from "../policy/hooks.ts";
import { type Session, tlsText } from "../policy/session.ts";
import { gatherRecipients, type RecipientRules, type Recipients } from "../queue/recipients.ts";
import { type StagedBody, type Store, StoreFullError } from "../queue/store.ts";
import { isUncertain } from "../queue/store_error.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { type Reply, reply, standingReply } from "../smtp/reply.ts";
import type { Clock } from "./clock.ts";
import type { ContentFacts, Intake, IntakeTransaction, NewHead } from "./intake.ts";
import type { Log } from "./log.ts";
import { transmissionTypeOf } from "./mail_transaction.ts";

/** What a queue intake is made of. */
export interface QueueIntakeOptions extends RecipientRules {
  /** Where messages are kept. */
  readonly store: Store;
  /** How long a message is tried, in milliseconds. */
  readonly lifetime: number;
  /** Called once a message is committed that is due, or may be, so that it is attempted now. */
  readonly wake: () => void;
  /**
   * Looks at a route that policy has chosen.
   *
   * @throws {SyntaxError} if mail cannot be sent by it
   */
  readonly checkRoute: (route: string) => void;
  /** Called where there is no room for a message, so that some is made. */
  readonly makeRoom?: () => void;
  readonly log: Log;
  readonly clock: Clock;
}

const RCPT_OK = standingReply(250, "2.1.5", "Recipient ok");
const NO_ROOM = standingReply(452, "4.3.1", "No room for this message now, try again later");
const STORE_FAILED = standingReply(
  451,
  "4.3.0",
  "The queue cannot be written now, try again later",
);

const utf8 = new TextEncoder();

/** Makes an intake that commits each message to a store. */
export function queueIntake(options: QueueIntakeOptions): Intake {
  return {
    mail(session, mail, id) {
      // Refused before it is sent, where that can be known (RFC 1870 section 6.1).
      if (!options.store.hasRoom(mail.size)) {
        options.makeRoom?.();
        return NO_ROOM;
      }
      return new QueueTransaction(session, mail, id, options);
    },
  };
}

class QueueTransaction implements IntakeTransaction {
  readonly #session: Session;
  readonly #mail: MailParameters;
  readonly #id: string;
  readonly #options: QueueIntakeOptions;
  readonly #recipients: Recipients;
  /** Whatever is staged can be staged anew. */
  readonly takesLateChanges = true;
  #trace = new Uint8Array(0);
  #body: StagedBody | undefined;
  /** Set once the message cannot be kept any more. */
  #failure: Reply | undefined;

  constructor(session: Session, mail: MailParameters, id: string, options: QueueIntakeOptions) {
    this.#session = session;
    this.#mail = mail;
    this.#id = id;
    this.#options = options;
    this.#recipients = gatherRecipients(options);
  }

  rcpt(rcpt: RcptParameters, decision?: RcptDecision): Reply {
    if (decision?.route !== undefined) this.#options.checkRoute(decision.route);
    return this.#recipients.add(rcpt, this.#options.clock.now(), decision) ?? RCPT_OK;
  }

  async data(trace: string): Promise<Reply | void> {
    this.#body = this.#options.store.stage();
    this.#trace = utf8.encode(trace);
    await this.write(this.#trace);
    return this.#failure;
  }

  async write(bytes: Uint8Array): Promise<void> {
    if (this.#failure !== undefined) return;
    try {
      await this.#body!.write(bytes);
    } catch (error) {
      this.#fail(error);
    }
  }

  async end(facts?: ContentFacts): Promise<Reply> {
    if (facts?.newHead !== undefined && this.#failure === undefined) {
      await this.#stageAnew(facts.newHead);
    }
    if (this.#failure !== undefined) return this.#failure;
    if (facts?.route !== undefined) this.#route(facts.route);
    const { store, clock, lifetime, wake } = this.#options;
    const { remote, heloName, tls, account, id: session } = this.#session;
    const protocol = transmissionTypeOf(this.#session, this.#mail);
    const accepted = clock.now();
    try {
      await store.commit({
        id: this.#id,
        mail: facts?.tlsRequiredNo ? { ...this.#mail, tlsRequiredNo: true } : this.#mail,
        accepted,
        expires: accepted + lifetime,
        origin: {
          ...{ client: remote.address, heloName, protocol, session },
          ...account !== undefined && { account },
          ...tls !== undefined && { tls: tlsText(tls) },
        },
        ...facts?.headerChanges !== undefined && { headerChanges: facts.headerChanges },
        recipients: this.#recipients.list,
      }, this.#body!);
    } catch (error) {
      if (isUncertain(error)) wake();
      return this.#fail(error);
    }
    if (this.#recipients.list.some(({ held }) => !held)) wake();
    return reply(250, "2.0.0", `Queued as ${this.#id}`);
  }

  abort(): void {
    this.#body?.abort();
  }

  /**
   * Stages the message with another head. What was staged before is forgotten in any case, so that a crash
   * leaves the message whole or not at all.
   */
  async #stageAnew({ octets, replaces }: NewHead): Promise<void> {
    const before = this.#body!;
    this.#body = this.#options.store.stage();
    await this.write(this.#trace);
    await this.write(octets);
    try {
      for await (const slice of before.read(this.#trace.length + replaces)) {
        await this.write(slice);
        if (this.#failure !== undefined) break;
      }
    } catch (error) {
      this.#fail(error);
    } finally {
      before.abort();
    }
  }

  /** Sends the message to all of its recipients by another route. */
  #route(route: string): void {
    try {
      this.#options.checkRoute(route);
    } catch (error) {
      this.abort();
      throw error;
    }
    this.#recipients.routeAll(route);
  }

  #fail(error: unknown): Reply {
    const isFull = error instanceof StoreFullError;
    if (isFull) this.#options.makeRoom?.();
    this.#options.log("error", isFull ? "queue-full" : "queue-failed", {
      session: this.#session.id,
      id: this.#id,
      error: error instanceof Error ? error.message : String(error),
    });
    this.#body?.abort();
    return this.#failure = isFull ? NO_ROOM : STORE_FAILED;
  }
}
