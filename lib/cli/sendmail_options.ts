/** Reads the options of sendmail(1), which are not written as others are. @module */
import { shown } from "../config/sources.ts";
import type { Notify, Ret } from "../smtp/dsn_parameters.ts";
import { EXIT, Failure } from "./failure.ts";
import { COMMON_FLAGS, type ListedFlag, SETTING_FLAGS } from "./flags.ts";

/** What sendmail is asked to do. */
export interface SendmailOptions {
  /** Send a message, speak SMTP on standard input, or list the queue. */
  readonly mode: "send" | "smtp" | "list" | "help";
  /** Whether recipients are taken from the message. */
  readonly fromHeader: boolean;
  /** Whether a line that is a dot alone ends the message. */
  readonly dotEnds: boolean;
  /** The reverse-path as it was given; empty for the null one. */
  readonly sender?: string;
  readonly fullName?: string;
  readonly notify?: Notify;
  readonly ret?: Ret;
  /** The envelope identifier as it was given. */
  readonly envid?: string;
  readonly body?: "7BIT" | "8BITMIME";
  readonly recipients: readonly string[];
  /** Flags of the settings, for the command line that everybody else has. */
  readonly settings: readonly string[];
}

/** The options that have a meaning here, for the help. */
export const SENDMAIL_FLAGS: readonly ListedFlag[] = [
  {
    written: ["-t"],
    meaning: "take recipients from To, Cc and Bcc; operands are added",
    repeatable: false,
  },
  {
    written: ["-i", "-oi"],
    meaning: "a line that is a dot alone does not end the message",
    repeatable: false,
  },
  {
    written: ["-f"],
    placeholder: "ADDRESS",
    meaning: "the reverse-path; '' or '<>' for none",
    shownDefault: "user@hostname",
    repeatable: false,
  },
  {
    written: ["-F"],
    placeholder: "NAME",
    meaning: "the name in From, where the message has none",
    repeatable: false,
  },
  {
    written: ["-N"],
    placeholder: "LIST",
    meaning: "tell the sender: never, or some of success,failure,delay",
    suggests: { kind: "words", words: ["never", "success", "failure", "delay"] },
    repeatable: false,
  },
  {
    written: ["-R"],
    placeholder: "HOW",
    meaning: "how much of the message a failure notice has: full or hdrs",
    suggests: { kind: "words", words: ["full", "hdrs"] },
    repeatable: false,
  },
  {
    written: ["-V"],
    placeholder: "ENVID",
    meaning: "what notices call the message",
    repeatable: false,
  },
  {
    written: ["-B"],
    placeholder: "BODY",
    meaning: "what the message is: 7BIT or 8BITMIME",
    suggests: { kind: "words", words: ["7BIT", "8BITMIME"] },
    repeatable: false,
  },
  { written: ["-bs"], meaning: "SMTP on standard input and output", repeatable: false },
  { written: ["-bp"], meaning: "list the queue", repeatable: false },
];

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function usage(wrong: string, mend: string): Failure {
  return new Failure(EXIT.usage, wrong, mend);
}

/** Options with a value that says nothing to us: how to log, what to trust, where a queue would be. */
const VALUED = "ACDLOXdhop";
/** Options without one. */
const SILENT = "GUmnv";
/** Of those, the ones whose value is never a word of its own. */
const ATTACHED = "Ado";

function takeNotify(text: string): Notify {
  if (/^never$/i.test(text)) return "never";
  const list = text.toLowerCase().split(",");
  const known = list.filter((word) => word === "success" || word === "failure" || word === "delay");
  if (known.length === 0 || known.length !== list.length) {
    throw usage(`cannot use -N ${shown(text)}`, "give never, or a list of success,failure,delay");
  }
  return [...new Set(known)];
}

function takeRet(text: string): Ret {
  if (/^full$/i.test(text)) return "full";
  if (/^hdrs$/i.test(text)) return "headers";
  throw usage(`cannot use -R ${shown(text)}`, "give full or hdrs");
}

function takeMode(text: string, written: string): SendmailOptions["mode"] {
  switch (text) {
    case "m":
      return "send";
    case "s":
      return "smtp";
    case "p":
      return "list";
  }
  throw usage(`smtpd sendmail takes no ${shown(written)}`, "see smtpd help sendmail");
}

/** Takes a flag of the settings over, with its value; answers how many arguments it is. */
function takeSetting(args: readonly string[], at: number, settings: string[]): number {
  const [written] = args[at].split("=", 1);
  const flag = SETTING_FLAGS.find(({ name }) => `--${name}` === written);
  const needsValue = flag?.placeholder !== undefined && written === args[at];
  settings.push(...args.slice(at, at + (needsValue ? 2 : 1)));
  return needsValue ? 2 : 1;
}

/**
 * Reads the arguments. Letters may stand together, and a value may stand behind its letter or by itself.
 *
 * @throws {Failure} with exit code 64 for what is unknown or lacks its value
 */
export function parseSendmail(args: readonly string[]): SendmailOptions {
  const options: Mutable<SendmailOptions> = {
    mode: "send",
    fromHeader: false,
    dotEnds: true,
    recipients: [],
    settings: [],
  };
  const settings: string[] = [];
  const recipients: string[] = [];
  const isHelp = (arg: string) => COMMON_FLAGS.some(({ name }) => arg === `--${name}`);
  for (let at = 0; at < args.length;) {
    const arg = args[at];
    if (arg === "--") {
      recipients.push(...args.slice(at + 1));
      break;
    }
    if (isHelp(arg)) return { ...options, mode: "help" };
    if (arg.startsWith("--")) {
      at += takeSetting(args, at, settings);
      continue;
    }
    at++;
    if (!arg.startsWith("-") || arg === "-") {
      recipients.push(arg);
      continue;
    }
    letters: for (let i = 1; i < arg.length; i++) {
      const letter = arg[i];
      const value = (): string => {
        const behind = arg.slice(i + 1);
        if (behind !== "") return behind;
        if (at >= args.length) throw usage(`-${letter} needs a value`, `write -${letter} VALUE`);
        return args[at++];
      };
      switch (letter) {
        case "t":
          options.fromHeader = true;
          continue;
        case "i":
          options.dotEnds = false;
          continue;
        case "b":
          options.mode = takeMode(value(), arg);
          break letters;
        case "f":
        case "r":
          options.sender = value();
          break letters;
        case "F":
          options.fullName = value();
          break letters;
        case "N":
          options.notify = takeNotify(value());
          break letters;
        case "R":
          options.ret = takeRet(value());
          break letters;
        case "V":
          options.envid = value();
          break letters;
        case "B": {
          const body = value().toUpperCase();
          if (body !== "7BIT" && body !== "8BITMIME") {
            throw usage(`cannot use -B ${shown(body)}`, "give 7BIT or 8BITMIME");
          }
          options.body = body;
          break letters;
        }
      }
      if (SILENT.includes(letter)) continue;
      if (!VALUED.includes(letter)) {
        throw usage(`smtpd sendmail takes no -${shown(letter)}`, "see smtpd help sendmail");
      }
      if (arg.slice(i) === "oi") options.dotEnds = false;
      if (!ATTACHED.includes(letter)) {
        if (/^IgnoreDots(=|$)/i.test(value())) options.dotEnds = false;
      }
      break;
    }
  }
  return { ...options, recipients, settings };
}
