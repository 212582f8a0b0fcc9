/** A sender as the side under test of the dialogs in `dialogs/sender`. @module */
import { parsePath } from "../../lib/smtp/address.ts";
import type { Notify } from "../../lib/smtp/dsn_parameters.ts";
import type { MailParameters } from "../../lib/smtp/envelope.ts";
import { formatPath, type Mailbox } from "../../lib/smtp/mailbox.ts";
import type { Reply } from "../../lib/smtp/reply.ts";
import { Sender } from "../../lib/smtp/sender.ts";
import type { SenderEvent } from "../../lib/smtp/sender_events.ts";
import type { SenderAction } from "../../lib/smtp/sender_transitions.ts";
import { type Side, unescape } from "./dialog.ts";
import { join, octets, text } from "./wire.ts";

/** What the tests send, where it does not matter what. */
export const A: Mailbox = { localPart: "a", domain: "example.org" };
export const B: Mailbox = { localPart: "b", domain: "example.net" };
export const MAIL: MailParameters = { reversePath: A, smtpUtf8: false };
export const EHLO =
  "220 mx.example.net\r\n250-mx.example.net\r\n250-SMTPUTF8\r\n250 PIPELINING\r\n";

/** Every call, so that a test can try them all. */
export const ACTIONS: Record<SenderAction, (sender: Sender) => void> = {
  STARTTLS: (sender) => sender.starttls(),
  secured: (sender) => sender.secured(),
  AUTH: (sender) => sender.auth("PLAIN", octets("\0a\0b")),
  response: (sender) => sender.response(octets("x")),
  cancel: (sender) => sender.cancelAuth(),
  MAIL: (sender) => sender.mail(MAIL),
  RCPT: (sender) => sender.rcpt({ forwardPath: B }),
  DATA: (sender) => sender.data(),
  content: (sender) => sender.content(octets("x\r\n")),
  "end of data": (sender) => sender.endOfData(),
  RSET: (sender) => sender.rset(),
  QUIT: (sender) => sender.quit(),
};

function words(reply: Reply): string {
  const lines = reply.lines.map((line) => `"${line}"`).join(" ");
  return `${reply.code} ${reply.enhanced === undefined ? "" : `${reply.enhanced} `}${lines}`;
}

/** Says an event in the words of an `E:` line. */
export function describe(event: SenderEvent): string {
  switch (event.type) {
    case "ready": {
      const lines = [...event.facts.extensions].map(([name, params]) =>
        [name, ...params].join("=")
      );
      return ["ready", ...lines].join(" ");
    }
    case "refused":
      return `refused ${event.step} ${words(event.reply)}`;
    case "reply": {
      const whom = event.mailbox === undefined ? "" : `${formatPath(event.mailbox)} `;
      return `${event.command} ${whom}${words(event.reply)}`;
    }
    case "result":
      return `result ${event.mailboxes.map(formatPath).join(" ")} ${words(event.reply)}`;
    case "challenge":
      return `challenge "${text(event.octets)}"`;
    case "closed":
      return `closed ${words(event.reply)}`;
    case "fault":
      return `fault ${event.text}`;
    default:
      return event.type;
  }
}

function path(written: string): Mailbox | null {
  const parsed = parsePath(written, 0);
  if ("fault" in parsed) throw new SyntaxError(`Cannot read ${written}: ${parsed.fault}`);
  return parsed.value;
}

/** The list that `notify=` gives in an `A:` line. */
function notify(flags: string): Notify | undefined {
  const written = value(flags, "notify");
  return written === "never" ? written : written?.split(",") as Notify | undefined;
}

/** What stands behind `key=` in the flags of an `A:` line. */
function value(flags: string, key: string): string | undefined {
  return new RegExp(`(?:^| )${key}=(\\S+)`).exec(flags)?.[1];
}

/** The words of an `A:` line: a verb, a path that may hold quoted spaces, and flags. */
const ACTION = /^(\w+)(?: (<.*>))?(?: (.*))?$/s;

/** A sender as the side under test of a dialog. */
export class SenderSide implements Side {
  #sender = new Sender({ heloName: "client.example.org" });
  #output: Uint8Array[] = [];
  #events: string[] = [];

  receive(bytes: Uint8Array): void {
    this.#sender.receive(bytes);
    this.#drain();
  }

  takeOutput(): Uint8Array {
    const output = join(this.#output);
    this.#output = [];
    return output;
  }

  takeEvents(): string[] {
    const events = this.#events;
    this.#events = [];
    return events;
  }

  act(action: string): void {
    try {
      this.#act(action);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      this.#events.push(`throws ${error.name}: ${error.message}`);
    }
    this.#drain();
  }

  #act(action: string): void {
    const sender = this.#sender;
    if (action.startsWith("content ")) return sender.content(unescape(`${action.slice(8)}\\`));
    if (action.startsWith("response")) return sender.response(unescape(`${action.slice(9)}\\`));
    if (action.startsWith("auth ")) {
      const [, mechanism, initial] = action.split(" ", 3);
      if (initial === undefined) return sender.auth(mechanism);
      return sender.auth(mechanism, unescape(initial === "=" ? "\\" : `${initial}\\`));
    }
    const [, verb, written = "<>", flags = ""] = ACTION.exec(action) ?? [];
    switch (verb) {
      case "lmtp":
        this.#sender = new Sender({ heloName: "client.example.org", lmtp: true });
        break;
      case "mail": {
        const size = value(flags, "size");
        sender.mail({
          reversePath: path(written),
          size: size === undefined ? undefined : Number(size),
          body: flags.includes("8bit") ? "8BITMIME" : "7BIT",
          smtpUtf8: /(?:^| )utf8/.test(flags),
          ret: value(flags, "ret") as MailParameters["ret"],
          envid: value(flags, "envid"),
          requireTls: /(?:^| )requiretls/.test(flags),
        });
        break;
      }
      case "rcpt":
        sender.rcpt({
          forwardPath: path(written) ?? { localPart: "", domain: "" },
          notify: notify(flags),
          orcpt: value(flags, "orcpt"),
        });
        break;
      case "starttls":
        return sender.starttls();
      case "secured":
        return sender.secured();
      case "cancel":
        return sender.cancelAuth();
      case "data":
        return sender.data();
      case "end":
        return sender.endOfData();
      case "rset":
        return sender.rset();
      case "quit":
        return sender.quit();
      default:
        throw new SyntaxError(`Cannot do ${action}`);
    }
  }

  #drain(): void {
    for (let event; (event = this.#sender.nextEvent()) !== undefined;) {
      this.#events.push(describe(event));
      this.#output.push(...this.#sender.takeOutput());
    }
    this.#output.push(...this.#sender.takeOutput());
  }
}
