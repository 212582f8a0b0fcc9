/** What a submission service does to mail beyond taking it (RFC 6409). @module */
import { parseAddressList } from "../message/address_list.ts";
import { HeaderScanner } from "../message/header_scanner.ts";
import { missingFields, withoutBcc } from "../message/submitted.ts";
import { type Account, type Accounts, maySendFrom } from "../policy/accounts.ts";
import type { MaybePromise, RcptDecision } from "../policy/hooks.ts";
import type { Session } from "../policy/session.ts";
import { octetBuffer } from "../queue/octet_buffer.ts";
import { parseWholePath } from "../smtp/address.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { formatMailbox, type Mailbox } from "../smtp/mailbox.ts";
import { joinOctets } from "../smtp/octets.ts";
import { type Reply, SmtpError, standingReply } from "../smtp/reply.ts";
import type { Clock } from "./clock.ts";
import type { ContentFacts, Intake, IntakeTransaction } from "./intake.ts";
import { chain, eachInTurn, guarded } from "./maybe_promise.ts";

/** How mail is submitted. */
export interface SubmissionOptions {
  /** Our name, for the Message-ID of a message that has none. */
  readonly hostname: string;
  readonly clock: Clock;
  /** Where an account's addresses are looked up; each may send from any if left out. */
  readonly accounts?: Accounts;
  /** Whether Bcc fields are taken out. */
  readonly removeBcc?: boolean;
}

const NOT_YOURS = standingReply(
  553,
  "5.7.1",
  "You may not send from this address: use one of your account's",
);

const utf8 = new TextEncoder();

/** CR LF. */
const EMPTY_LINE = [13, 10];

/**
 * Makes of an intake one for submission: the sender has to be the account's (RFC 6409 section 6.1), and
 * what a message lacks of From, Date and Message-ID is added behind its own fields (section 8).
 */
export function submissionIntake(intake: Intake, options: SubmissionOptions): Intake {
  return {
    mail: (session, mail, id) =>
      chain(accountOf(session, options), (account) => {
        // The null reverse-path is that of notices which a mail client may send (RFC 8098).
        const isTheirs = mail.reversePath === null || account === undefined ||
          maySendFrom(account, mail.reversePath);
        if (!isTheirs) return NOT_YOURS;
        return chain(intake.mail(session, mail, id), (begun) =>
          "code" in begun ? begun : new SubmissionTransaction(begun, mail, id, account, options));
      }),
  };
}

function accountOf(
  { account }: Session,
  { accounts }: SubmissionOptions,
): MaybePromise<Account | undefined> {
  return account === undefined ? undefined : accounts?.find(account);
}

/** Holds the header section back until it is whole, and hands on one that is complete. */
class SubmissionTransaction implements IntakeTransaction {
  readonly #next: IntakeTransaction;
  readonly #mail: MailParameters;
  readonly #id: string;
  readonly #account: Account | undefined;
  readonly #options: SubmissionOptions;
  readonly #header = new HeaderScanner();
  readonly #held = octetBuffer();
  /** How long the header section was that was handed on. */
  #headLength = 0;

  constructor(
    next: IntakeTransaction,
    mail: MailParameters,
    id: string,
    account: Account | undefined,
    options: SubmissionOptions,
  ) {
    this.#next = next;
    this.#mail = mail;
    this.#id = id;
    this.#account = account;
    this.#options = options;
  }

  get takesLateChanges(): boolean | undefined {
    return this.#next.takesLateChanges;
  }

  rcpt(rcpt: RcptParameters, decision?: RcptDecision): MaybePromise<Reply> {
    return this.#next.rcpt(rcpt, decision);
  }

  data(trace: string): MaybePromise<Reply | void> {
    return this.#next.data(trace);
  }

  write(bytes: Uint8Array): MaybePromise<void> {
    if (this.#header.isComplete) return this.#next.write(bytes);
    this.#held.append(bytes);
    this.#header.scan(bytes);
    if (this.#header.isComplete) return this.#writeHeld();
  }

  end(facts?: ContentFacts): MaybePromise<Reply | readonly Reply[]> {
    const completed = guarded(() => this.#complete(facts), (error) => {
      this.#next.abort();
      throw error;
    });
    return chain(completed, (facts) => this.#next.end(facts));
  }

  /** Completes what the message has ended in, or gets for a head; answers what is to be said of it. */
  #complete(facts: ContentFacts | undefined): MaybePromise<ContentFacts | undefined> {
    if (!this.#header.isComplete) {
      this.#header.end();
      return chain(this.#writeHeld(), () => facts);
    }
    if (facts?.newHead === undefined) return facts;
    const header = new HeaderScanner();
    header.scan(facts.newHead.octets);
    const octets = joinOctets(this.#completed(header));
    return { ...facts, newHead: { octets, replaces: this.#headLength } };
  }

  abort(): void {
    this.#next.abort();
  }

  /** Writes the header section and what came behind it. */
  #writeHeld(): MaybePromise<void> {
    const held = this.#held.take();
    const head = this.#completed(this.#header);
    this.#headLength = head.reduce((sum, { length }) => sum + length, 0);
    const slices = [...head, held.subarray(this.#header.bodyStart ?? held.length)];
    return eachInTurn(
      slices.filter(({ length }) => length > 0),
      (slice) => this.#next.write(slice),
    );
  }

  /** Makes a header section one that is complete. */
  #completed(scanner: HeaderScanner): Uint8Array[] {
    const { hostname, clock, removeBcc } = this.#options;
    const header = scanner.octets;
    const fields = scanner.fields();
    const names = fields.map(({ name }) => name.toLowerCase());
    this.#checkFrom(fields.filter((_, i) => names[i] === "from").map(({ value }) => value));
    const { reversePath } = this.#mail;
    const missing = missingFields(names, {
      from: formatMailbox(reversePath ?? { localPart: "postmaster", domain: hostname }),
      hostname,
      id: this.#id,
      date: new Date(clock.now()),
    });
    const own = removeBcc ? withoutBcc(header) : header;
    // Behind its own fields, so that trace fields stay together (RFC 5322 section 3.6.7).
    const end = own.length - (hasEmptyLine(own) ? EMPTY_LINE.length : 0);
    // A message that is a body alone becomes one with a header section.
    const separator = missing !== "" && header.length === 0 ? "\r\n" : "";
    return [own.subarray(0, end), utf8.encode(missing + separator), own.subarray(end)];
  }

  /** Whoever may not send from an address may not sign with it either (RFC 6409 section 6.1). */
  #checkFrom(values: readonly string[]): void {
    const account = this.#account;
    if (account === undefined || account.allowedFrom.length === 0) return;
    for (const mailbox of values.flatMap(mailboxesOf)) {
      if (!maySendFrom(account, mailbox)) throw refusal();
    }
  }
}

/** Whether a header section ends with the empty line, or with its last field. */
function hasEmptyLine(header: Uint8Array): boolean {
  const { length } = header;
  const isEmptyLine = (at: number) => EMPTY_LINE.every((octet, i) => header[at + i] === octet);
  return length >= 2 && isEmptyLine(length - 2) && (length === 2 || isEmptyLine(length - 4));
}

function refusal(): SmtpError {
  const { code, enhanced, lines } = NOT_YOURS;
  return new SmtpError(code, enhanced, ...lines);
}

/** The mailboxes of a From field. One that cannot be read may be anybody's. */
function mailboxesOf(value: string): Mailbox[] {
  try {
    return parseAddressList(value).map((address) => {
      const path = parseWholePath(`<${address}>`);
      if ("fault" in path || path.value === null) throw new SyntaxError("Cannot read an address");
      return path.value;
    });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SmtpError(550, "5.6.0", "The From field of this message cannot be read");
  }
}
