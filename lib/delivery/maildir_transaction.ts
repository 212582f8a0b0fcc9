/** One message on its way into one Maildir or several. @module */
import { returnPathField } from "../message/trace.ts";
import type { Log } from "../net/log.ts";
import type { RcptParameters } from "../smtp/envelope.ts";
import type { Mailbox } from "../smtp/mailbox.ts";
import { type Reply, standingReply } from "../smtp/reply.ts";
import { MailFile } from "./mail_file.ts";
import { type MailboxDirectories, removeQuietly, syncDirectory } from "./mailbox_directory.ts";

/** What a transaction takes from the {@linkcode import("./maildir.ts").Maildir} that began it. */
export interface MaildirTransactionOptions {
  /** What goes into the Return-Path field. */
  readonly reversePath: Mailbox | null;
  /** The directory for a mailbox, or the reply that refuses it. */
  readonly locate: (mailbox: Mailbox) => string | Reply;
  /** Makes directories. */
  readonly directories: MailboxDirectories;
  /** Makes up a name for a file that no other has. */
  readonly uniqueName: () => string;
  /** Who is told why a delivery failed. */
  readonly log: Log;
}

const RECIPIENT_OK: Reply = standingReply(250, "2.1.5", "Recipient ok");
const DELIVERED: Reply = standingReply(250, "2.0.0", "Delivered");
const NO_RECIPIENTS: Reply = standingReply(554, "5.5.1", "No valid recipients");
const NO_SPACE: Reply = standingReply(452, "4.3.1", "Not enough space to store this message");
/** The client is told no more: paths and system messages are for the log. */
const FAILED: Reply = standingReply(451, "4.3.0", "Cannot write to the mailbox now");
const ENDED: Reply = standingReply(451, "4.3.0", "This delivery was given up");

/** How many directories are put on stable storage at the same time. */
const SYNCS_AT_ONCE = 16;

const encoder = new TextEncoder();

/** A file that lies where readers look, and what it is in. */
interface Target {
  readonly mailbox: string;
  readonly name: string;
}

/**
 * The transaction. The message is written once, in the first recipient's `tmp`; the others get a hard
 * link to it, since nothing in it differs between recipients and files in a Maildir are never changed.
 * Where links cannot be made (another file system, one without links) they get a copy.
 *
 * It fails for all recipients or for none, as far as that can be had: what was placed in a `new` when
 * another failed is taken back.
 */
export class MaildirTransaction {
  readonly #options: MaildirTransactionOptions;
  /** The directories of the recipients; two names of one mailbox get one message. */
  readonly #mailboxes = new Set<string>();
  #file: MailFile | undefined;
  /** The name and the path of the file in tmp. */
  #name = "";
  #path = "";
  #refusal: Reply | undefined;
  #underWay: Promise<unknown> | undefined;

  /** Used by {@linkcode import("./maildir.ts").Maildir}. */
  constructor(options: MaildirTransactionOptions) {
    this.#options = options;
  }

  /** Adds a recipient, if its name can be that of a mailbox. Nothing is made for it yet. */
  rcpt({ forwardPath }: RcptParameters): Reply {
    const directory = this.#options.locate(forwardPath);
    if (typeof directory !== "string") return directory;
    this.#mailboxes.add(directory);
    return RECIPIENT_OK;
  }

  /**
   * Makes the directories that are not there, and the file. A reply refuses the mail data before it is
   * sent.
   *
   * @param trace the Received field, with its CR LF
   */
  data(trace: string): Promise<Reply | void> {
    return this.#run(async () => {
      if (this.#mailboxes.size === 0) return NO_RECIPIENTS;
      const { reversePath, uniqueName, directories } = this.#options;
      for (const mailbox of this.#mailboxes) {
        await this.#inMailbox(mailbox, () => directories.make(mailbox));
      }
      const [first] = this.#mailboxes;
      this.#name = uniqueName();
      this.#path = `${first}/tmp/${this.#name}`;
      this.#file = await this.#inMailbox(first, () => MailFile.create(this.#path));
      await this.#file.write(encoder.encode(returnPathField(reversePath) + trace));
    });
  }

  /**
   * Takes a slice of the message. It may be overwritten once this has settled. After a failure, which
   * {@linkcode end} reports, the rest is dropped.
   */
  write(bytes: Uint8Array): Promise<void> | void {
    if (this.#refusal !== undefined) return;
    const writing = this.#file?.write(bytes);
    if (writing !== undefined) return this.#settle(writing);
  }

  /** Delivers. A positive reply says that the message is in every mailbox, on stable storage. */
  async end(): Promise<Reply> {
    const refusal = await this.#run(async () => {
      const file = this.#file;
      if (file === undefined) return ENDED;
      await file.sync();
      this.#file = undefined;
      file[Symbol.dispose]();
      await this.#place();
    });
    this.#refusal ??= ENDED;
    return refusal ?? DELIVERED;
  }

  /**
   * Gives up; nothing of the message stays. After {@linkcode end}, or while it is under way, it takes
   * nothing back.
   */
  async abort(): Promise<void> {
    await this.#underWay;
    this.#refusal ??= ENDED;
    await this.#discard();
  }

  async #settle(writing: Promise<void>): Promise<void> {
    await this.#run(() => writing);
  }

  /** Does a step. When it fails nothing is left behind, and that reply is the one of all later steps. */
  async #run(step: () => Promise<Reply | void>): Promise<Reply | void> {
    if (this.#refusal !== undefined) return this.#refusal;
    const running = this.#attempt(step);
    this.#underWay = running;
    return await running;
  }

  async #attempt(step: () => Promise<Reply | void>): Promise<Reply | void> {
    try {
      const refusal = await step();
      if (refusal !== undefined) this.#refusal = refusal;
    } catch (error) {
      this.#refusal = replyFor(error);
      this.#options.log("error", "delivery-failed", { error: String(error) });
    }
    if (this.#refusal !== undefined) await this.#discard();
    return this.#refusal;
  }

  /** Puts the finished file of the first recipient's `tmp` into every `new`. */
  async #place(): Promise<void> {
    const targets = [...this.#mailboxes].map((mailbox, i): Target => ({
      mailbox,
      name: i === 0 ? this.#name : this.#options.uniqueName(),
    }));
    const [first, ...others] = targets;
    const placed: string[] = [];
    try {
      for (const target of others) {
        const path = `${target.mailbox}/new/${target.name}`;
        await this.#inMailbox(target.mailbox, () => linkOrCopy(this.#path, target));
        placed.push(path);
      }
      const path = `${first.mailbox}/new/${first.name}`;
      await this.#inMailbox(first.mailbox, () => Deno.rename(this.#path, path));
      placed.push(path);
      this.#path = "";
      for (let i = 0; i < targets.length; i += SYNCS_AT_ONCE) {
        const some = targets.slice(i, i + SYNCS_AT_ONCE);
        await Promise.all(some.map(({ mailbox }) => syncDirectory(`${mailbox}/new`)));
      }
    } catch (error) {
      // The client will send the message again, so what is there now would be there twice.
      for (const path of placed) await removeQuietly(path);
      throw error;
    }
  }

  /** Does something in a mailbox, once more if somebody has removed its directories meanwhile. */
  async #inMailbox<T>(mailbox: string, act: () => Promise<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      await this.#options.directories.remake(mailbox);
      return await act();
    }
  }

  async #discard(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    file?.[Symbol.dispose]();
    const path = this.#path;
    this.#path = "";
    if (path !== "") await removeQuietly(path);
  }
}

/** Puts a file of another mailbox into a mailbox. */
async function linkOrCopy(source: string, { mailbox, name }: Target): Promise<void> {
  const target = `${mailbox}/new/${name}`;
  try {
    return await Deno.link(source, target);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) throw error;
    // Whatever the reason was, a copy works or says why nothing does.
  }
  const copy = `${mailbox}/tmp/${name}`;
  try {
    await Deno.copyFile(source, copy);
    {
      using file = await Deno.open(copy, { read: true, write: true });
      await file.sync();
    }
    await Deno.rename(copy, target);
  } catch (error) {
    await removeQuietly(copy);
    throw error;
  }
}

/** The reply for a failure of the file system: always transient, so that the message is kept. */
function replyFor(error: unknown): Reply {
  const { code } = error as { code?: string };
  return code === "ENOSPC" || code === "EDQUOT" ? NO_SPACE : FAILED;
}
