/** `smtpd sendmail`: the sendmail(1) entry point, through which programs of this host hand mail in. @module */
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import {
  completed,
  displayName,
  parseSubmitted,
  recipientsOf,
  type SubmittedMessage,
  withCrlf,
} from "../message/submitted.ts";
import { localReceivedField } from "../message/trace.ts";
import { queueIds } from "../queue/queue_id.ts";
import { parseWholePath } from "../smtp/address.ts";
import { parseEnvid } from "../smtp/dsn_parameters.ts";
import { formatMailbox, type Mailbox, needsUtf8 } from "../smtp/mailbox.ts";
import { isTransient, SmtpError } from "../smtp/reply.ts";
import { encodeXtext } from "../smtp/xtext.ts";
import { listedCommand } from "./command_table.ts";
import { EXIT, type ExitCode, Failure } from "./failure.ts";
import { parseCommandLine, SETTING_FLAGS } from "./flags.ts";
import { commandHelp } from "./help.ts";
import { loadConfig } from "./load.ts";
import { openQueue, openQueueReader, queueFailure } from "./open_queue.ts";
import type { Submission } from "./operator.ts";
import { LISTED, listQueue } from "./queue_list.ts";
import { parseSendmail, SENDMAIL_FLAGS, type SendmailOptions } from "./sendmail_options.ts";
import { speakSmtp } from "./stdio_session.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Verb } from "./verb.ts";

function badData(wrong: string, mend: string, cause?: unknown): Failure {
  return new Failure(EXIT.badData, wrong, mend, cause);
}

/**
 * Reads an address that somebody wrote; one without a domain is one of this host.
 *
 * @throws {Failure} with exit code 65 if it is none
 */
function mailboxOf(text: string, hostname: string): Mailbox {
  const bare = /^\s*<?(.*?)>?\s*$/s.exec(text)![1];
  // What the decoder put in the place of octets that were not UTF-8 is nobody's address.
  const candidates = bare.includes("\ufffd") ? [] : [`<${bare}>`, `<${bare}@${hostname}>`];
  for (const path of candidates) {
    const parsed = parseWholePath(path);
    if ("fault" in parsed) continue;
    if (parsed.value !== null && parsed.value.domain !== "") return parsed.value;
  }
  throw badData(`${shown(text)} is no address`, "write it like someone@example.org");
}

/** Who runs this, as an address. */
function ownMailbox(around: Surroundings, hostname: string): Mailbox {
  const name = around.user() ?? "";
  const localPart = /^[A-Za-z0-9_][A-Za-z0-9_.+-]{0,62}(?<!\.)$/.test(name) && !name.includes("..")
    ? name
    : "unknown";
  return { localPart, domain: hostname };
}

function senderOf({ sender }: SendmailOptions, own: Mailbox): Mailbox | null {
  if (sender === undefined) return own;
  const bare = sender.trim();
  return bare === "" || bare === "<>" ? null : mailboxOf(bare, own.domain);
}

/** An envelope identifier as MAIL carries it, in xtext; one that is xtext already is left as it is. */
function envidOf({ envid }: SendmailOptions): string | undefined {
  if (envid === undefined) return undefined;
  try {
    const encoded = parseEnvid(envid) === undefined ? encodeXtext(envid) : envid;
    if (encoded.length >= 1 && encoded.length <= 100 && parseEnvid(encoded) !== undefined) {
      return encoded;
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  throw badData(`cannot use -V ${shown(envid)}`, "give printable ASCII, 100 characters at most");
}

/** Reads standard input to its end, at most so many octets. */
async function readMessage(around: Surroundings, most: number): Promise<Uint8Array> {
  let whole = new Uint8Array(64 * 1024);
  let length = 0;
  for (;;) {
    if (length === whole.length) {
      const larger = new Uint8Array(2 * whole.length);
      larger.set(whole);
      whole = larger;
    }
    const count = await around.read(whole.subarray(length));
    if (count === null) return whole.subarray(0, length);
    length += count;
    if (length > most) throw tooLarge(most);
  }
}

function tooLarge(most: number): Failure {
  return badData(`the message is larger than ${most} octets`, "send less, or raise --max-size");
}

function addressesOf(message: SubmittedMessage, options: SendmailOptions): string[] {
  if (!options.fromHeader) return [...options.recipients];
  try {
    // Operands are added to those of the message, as Postfix does; other programs take them away.
    return [...options.recipients, ...recipientsOf(message)];
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badData(shown(error.message.replace(/^C/, "c"), 500), "mend the field", error);
  }
}

function parseMessage(octets: Uint8Array, dotEnds: boolean): SubmittedMessage {
  try {
    return parseSubmitted(withCrlf(octets, dotEnds));
  } catch (error) {
    if (!(error instanceof SyntaxError || error instanceof RangeError)) throw error;
    throw badData(error.message.replace(/^C/, "c"), "mend the header section", error);
  }
}

function fromOf({ fullName }: SendmailOptions, mailbox: Mailbox): string {
  const address = formatMailbox(mailbox);
  if (fullName === undefined || fullName.trim() === "") return address;
  try {
    return `${displayName(fullName.trim())} <${address}>`;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw badData(`cannot use -F ${shown(fullName)}`, "give a name on one line", error);
  }
}

function hasEightBit(octets: Uint8Array): boolean {
  return octets.some((octet) => octet > 127);
}

/** Makes a submission of what stands on standard input. */
async function readSubmission(
  options: SendmailOptions,
  { hostname, maxSize, maxRecipients }: Config,
  around: Surroundings,
): Promise<[Submission, Uint8Array]> {
  if (!options.fromHeader && options.recipients.length === 0) {
    throw new Failure(EXIT.usage, "there is no recipient", "name one, or take them with -t");
  }
  const own = ownMailbox(around, hostname);
  const reversePath = senderOf(options, own);
  const envid = envidOf(options);
  const message = parseMessage(await readMessage(around, maxSize), options.dotEnds);
  const mailboxes = new Map<string, Mailbox>();
  for (const text of addressesOf(message, options)) {
    const mailbox = mailboxOf(text, hostname);
    mailboxes.set(formatMailbox(mailbox), mailbox);
  }
  if (mailboxes.size === 0) {
    throw badData("the message names no recipient", "write a To, Cc or Bcc field");
  }
  if (mailboxes.size > maxRecipients) {
    const wrong = `there are ${mailboxes.size} recipients, and ${maxRecipients} are allowed`;
    throw badData(wrong, "send to fewer at once, or raise --max-recipients");
  }
  const date = new Date();
  const id = queueIds(() => date.getTime())();
  const octets = completed(message, {
    trace: localReceivedField({ hostname, id, date }),
    from: fromOf(options, reversePath ?? own),
    hostname,
    id,
    date,
  });
  if (octets.length > maxSize + 1024) throw tooLarge(maxSize);
  const { ret, notify } = options;
  const forwardPaths = [...mailboxes.values()];
  const mail = {
    reversePath,
    body: hasEightBit(octets) ? "8BITMIME" as const : options.body,
    smtpUtf8: [reversePath, ...forwardPaths].some(needsUtf8),
    ret,
    envid,
  };
  const recipients = forwardPaths.map((forwardPath) => ({ forwardPath, notify }));
  return [{ id, mail, recipients, protocol: "sendmail" }, octets];
}

function configOf({ settings }: SendmailOptions, around: Surroundings): Config {
  return loadConfig(parseCommandLine(settings, SETTING_FLAGS), around);
}

async function send(
  options: SendmailOptions,
  config: Config,
  around: Surroundings,
): Promise<ExitCode> {
  const [submission, octets] = await readSubmission(options, config, around);
  await using queue = await openQueue(config);
  try {
    await queue.submit(submission, octets);
  } catch (error) {
    if (!(error instanceof SmtpError)) throw error;
    const code = isTransient(error.reply) ? EXIT.temporary : EXIT.unavailable;
    const mend = "mend the aliases, or send to others";
    throw new Failure(code, `a recipient is refused (${shown(error.message, 500)})`, mend, error);
  }
  return EXIT.ok;
}

async function listed(config: Config, around: Surroundings): Promise<ExitCode> {
  const reader = openQueueReader(config);
  await using _ = reader;
  await listQueue(reader, {}, around, LISTED);
  return EXIT.ok;
}

/** Runs sendmail with its own arguments. */
export async function runSendmail(
  args: readonly string[],
  around: Surroundings,
): Promise<ExitCode> {
  const options = parseSendmail(args);
  if (options.mode === "help") {
    around.out(commandHelp(listedCommand("sendmail", sendmail)));
    return EXIT.ok;
  }
  const config = configOf(options, around);
  try {
    switch (options.mode) {
      case "list":
        return await listed(config, around);
      case "smtp":
        await speakSmtp(config, around);
        return EXIT.ok;
      case "send":
        return await send(options, config, around);
    }
  } catch (error) {
    throw queueFailure(error);
  }
}

/** The command, for the help; its options are not like those of others. */
export const sendmail: Verb = {
  usage: "sendmail [-ti] [RCPT ...]",
  summary: "queue a message, as sendmail(1) does",
  takesSettings: true,
  ownFlags: SENDMAIL_FLAGS,
  examples: [{
    purpose: "as the sendmail_path of PHP",
    line: "smtpd sendmail -t -i --queue /var/spool/smtpd",
  }],
  details: () =>
    [
      "The message is on standard input. What else programs pass to sendmail(1) and has",
      "no meaning here is let pass. The flags of serve are taken too; --queue and",
      "--config say which queue. Bcc is taken out; Received, From, Date and Message-ID",
      "are added where they are missing. A CR by itself ends a line of the body, and is",
      "refused in a header field. A link to the executable that is called sendmail or",
      "mailq acts as that.",
    ].join("\n"),
  run() {
    throw new Failure(EXIT.usage, "sendmail has options of its own", "write smtpd sendmail first");
  },
};
