/**
 * Local delivery into Maildirs: `ROOT/<domain>/<local part>/{tmp,new,cur}`.
 *
 * A message is written to `tmp`, put on stable storage, moved to `new`, and the directory is put on
 * stable storage; only then is it accepted. Its octets are Return-Path, then Received, then what was
 * sent, with its line ends as they were sent. Other deliverers write LF; here what a client sent is
 * what lies in the mailbox, octet by octet, so that signatures and tests can be checked against the
 * file. Dovecot, mutt and the mailbox modules of programming languages read both.
 *
 * A mailbox, or the directory of a domain, may be a symbolic link: `joe -> /home/joe/Maildir`. It is
 * followed, since only who may write to the root can put one there; a name that comes from the network
 * is encoded (`mailbox_path.ts`) and never leaves its directory.
 *
 * @module
 */
import { type Clock, systemClock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import { normalizeDomain, parseDomain } from "../policy/domain.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { type Reply, reply } from "../smtp/reply.ts";
import { MailboxDirectories } from "./mailbox_directory.ts";
import { encodeLocalPart } from "./mailbox_path.ts";
import { MaildirTransaction } from "./maildir_transaction.ts";

/** What {@linkcode Maildir} needs to know. */
export interface MaildirOptions {
  /** The directory above all mailboxes. It is made when it is not there. */
  readonly root: string;
  /** Whether mail for every domain is delivered here, not for the local ones alone. */
  readonly anyDomain?: boolean;
  /** The domains whose mail is delivered here. The first one's `postmaster` gets the bare Postmaster's. */
  readonly localDomains: readonly string[];
  /** The name of this machine, part of the names of the files. */
  readonly hostname: string;
  /** Where the time comes from. */
  readonly clock?: Clock;
  /** Who is told why a delivery failed. */
  readonly log?: Log;
  /** A number from 0 up to 1, to tell two processes apart that have the same name and number. */
  readonly random?: () => number;
}

/** A domain that is not ours should not have come here; the sender is told what is wrong. */
const NOT_LOCAL: Reply = reply(550, "5.1.2", "Cannot deliver mail for this domain");
/** 553: the mailbox name is not allowed (RFC 5321 section 4.2.3). */
const BAD_NAME: Reply = reply(553, "5.1.3", "Cannot have a mailbox of this name");

/** Delivers into Maildirs below one root directory. */
export class Maildir {
  readonly #root: string;
  /** In their normal form, which is also the name of their directory: no other gets into a path. */
  readonly #domains: ReadonlySet<string>;
  readonly #anyDomain: boolean;
  readonly #firstDomain: string | undefined;
  readonly #directories: MailboxDirectories;
  readonly #clock: Clock;
  readonly #log: Log;
  /** What follows the time and the count in the name of a file. */
  readonly #suffix: string;
  #count = 0;

  /** @throws {SyntaxError} if a local domain is no domain */
  constructor(options: MaildirOptions) {
    const { root, localDomains, hostname, clock = systemClock, log = noLog } = options;
    const { random = Math.random } = options;
    const domains = localDomains.map(normalizeDomain);
    this.#root = root;
    this.#domains = new Set(domains);
    this.#anyDomain = options.anyDomain ?? false;
    this.#firstDomain = domains[0];
    this.#directories = new MailboxDirectories(root, clock);
    this.#clock = clock;
    this.#log = log;
    const number = Math.floor(random() * 0x1_0000_0000).toString(16);
    // Readers append to the name, so it leaves them room; Maildir says how to write `/` and `:`.
    const host = hostname.replaceAll("/", "\\057").replaceAll(":", "\\072").slice(0, 128);
    this.#suffix = `R${number}.${host}`;
  }

  /**
   * Answers the directory that mail for a mailbox goes to, or the reply that refuses it. Nothing is made
   * and nothing is looked at.
   */
  locate(mailbox: Mailbox): string | Reply {
    // RFC 5321 section 4.5.1: `Postmaster` without a domain must be accepted, in any case.
    const isPostmaster = mailbox.domain === "" && mailbox.localPart.toLowerCase() === "postmaster";
    const domain = isPostmaster ? this.#firstDomain : parseDomain(mailbox.domain);
    if (domain === undefined || !(this.#anyDomain || this.#domains.has(domain))) return NOT_LOCAL;
    const name = encodeLocalPart(mailbox.localPart);
    return name === undefined ? BAD_NAME : `${this.#root}/${domain}/${name}`;
  }

  /**
   * Begins a mail transaction.
   *
   * @param mail what MAIL said
   * @param mail.reversePath what goes into the Return-Path field
   */
  begin(mail: { readonly reversePath: Mailbox | null }): MaildirTransaction {
    return new MaildirTransaction({
      reversePath: mail.reversePath,
      locate: (mailbox) => this.locate(mailbox),
      directories: this.#directories,
      uniqueName: () => this.#uniqueName(),
      log: this.#log,
    });
  }

  /**
   * Makes a name that no other file of any Maildir has: `time.MusecPpidQcountRrandom.host`, each part as
   * Maildir defines it. The count alone makes it unique in this process.
   */
  #uniqueName(): string {
    const now = this.#clock.now();
    const seconds = Math.floor(now / 1000);
    const microseconds = Math.floor((now - seconds * 1000) * 1000);
    return `${seconds}.M${microseconds}P${Deno.pid}Q${this.#count++}${this.#suffix}`;
  }
}
