/** Notices that several tests look at, and what they are made of. @module */
import { makeStatusNotice, type StatusNoticeOptions } from "../../lib/message/dsn.ts";
import type { ReportedMessage, ReportedRecipient } from "../../lib/message/dsn_facts.ts";
import type { MailParameters } from "../../lib/smtp/envelope.ts";
import { join, octets, seeded } from "../smtp/wire.ts";

const HOUR = 3_600_000;
const NOON = Date.UTC(2024, 0, 1, 12);

/** A message in ASCII. */
export const MESSAGE =
  "Received: from client.example ([192.0.2.1]) by mx.example.org with ESMTP\r\n" +
  "\tid 0123456789; Mon, 1 Jan 2024 12:00:00 +0000\r\n" +
  "From: Joe <joe@example.org>\r\n" +
  "To: someone@example.net\r\n" +
  "Subject: Lunch\r\n" +
  "Message-ID: <lunch.1@example.org>\r\n" +
  "\r\n" +
  "At one?\r\n" +
  ".\r\n" +
  "--\r\n" +
  "Joe\r\n";

/** Where a message in ASCII came from. */
export const ORIGINAL: ReportedMessage = {
  mail: {
    reversePath: { localPart: "joe", domain: "example.org" },
    smtpUtf8: false,
    envid: "QQ+2B314159",
  },
  accepted: NOON,
  expires: NOON + 120 * HOUR,
  origin: { client: "192.0.2.1", heloName: "client.example" },
};

/** The same where MAIL said something else. */
export function withMail(changes: Partial<MailParameters>): ReportedMessage {
  return { ...ORIGINAL, mail: { ...ORIGINAL.mail, ...changes } };
}

/** A recipient that a server does not know. */
export const FAILED: ReportedRecipient = {
  mailbox: { localPart: "someone", domain: "example.net" },
  orcpt: "rfc822;someone@example.net",
  action: "failed",
  reply: {
    code: 550,
    enhanced: "5.1.1",
    lines: ["<someone@example.net>: there is no such user here", "Ask postmaster@example.net"],
  },
  remote: { host: "mx.example.net", address: "192.0.2.25" },
  attempted: NOON + 5_000,
};

/** A recipient that could not be reached. */
export const LATE: ReportedRecipient = {
  mailbox: { localPart: "a b", domain: "example.com" },
  action: "delayed",
  reply: { code: 451, enhanced: "4.4.1", lines: ["No host of example.com answered"] },
  attempted: NOON + 4 * HOUR,
};

/** Octets at random, the same in each run. */
export function random(seed = 1): (octets: Uint8Array<ArrayBuffer>) => Uint8Array {
  const next = seeded(seed);
  return (bytes) => bytes.map(() => next(256));
}

/** Reads a message in several slices, each in the same buffer as the last. */
export function reader(message: Uint8Array, size = 37): () => AsyncGenerator<Uint8Array> {
  return async function* () {
    const buffer = new Uint8Array(size);
    for (let at = 0; at < message.length; at += size) {
      const slice = message.subarray(at, at + size);
      buffer.fill(0);
      buffer.set(slice);
      yield buffer.subarray(0, slice.length);
      await Promise.resolve();
    }
  };
}

/** The octets of a text, one for each character unless it is UTF-8. */
export function message(text: string): Uint8Array {
  return octets(text);
}

/** Makes a notice about a message in ASCII that failed, but for what is given. */
export async function make(
  changes: Partial<StatusNoticeOptions> = {},
): Promise<{ mail: object; forwardPath: object; octets: Uint8Array }> {
  const notice = await makeStatusNotice({
    hostname: "mx.example.org",
    id: "0123456789bcdfgh",
    message: ORIGINAL,
    recipients: [FAILED],
    read: reader(octets(MESSAGE)),
    now: NOON + 6_000,
    random: random(),
    timezone: 0,
    ...changes,
  });
  const slices: Uint8Array[] = [];
  for await (const slice of notice.octets()) slices.push(slice.slice());
  return { mail: notice.mail, forwardPath: notice.forwardPath, octets: join(slices) };
}

const utf8 = new TextEncoder();

/** The notices whose whole text is kept beside the tests, by its name. */
export const GOLDEN: ReadonlyMap<string, Partial<StatusNoticeOptions>> = new Map([
  ["failure", {
    recipients: [FAILED, { ...FAILED, mailbox: { localPart: "b", domain: "x.test" } }],
  }],
  ["failure_full", { message: withMail({ ret: "full" }) }],
  ["delay", { recipients: [LATE] }],
  ["success", {
    message: withMail({ ret: "full" }),
    recipients: (["delivered", "relayed", "expanded"] as const).map((action, i) => ({
      mailbox: { localPart: action, domain: "example.net" },
      action,
      reply: { code: 250, enhanced: "2.0.0", lines: ["OK, queued as 42"] },
      ...(i === 1 ? { remote: { host: "mx.example.net", address: "2001:db8::25" } } : {}),
      attempted: NOON + 5_000,
    })),
  }],
  ["mixed", {
    recipients: [
      LATE,
      { ...LATE, action: "failed", orcpt: "rfc822;info@example.com", attempted: undefined },
      { ...FAILED, reply: { code: 552, lines: ["Mailbox full"] } },
    ],
  }],
  ["utf8", {
    message: withMail({
      reversePath: { localPart: "jürgen", domain: "bücher.example" },
      smtpUtf8: true,
    }),
    recipients: [{
      ...FAILED,
      mailbox: { localPart: "宋", domain: "例.example" },
      orcpt: "utf-8;\\x{5B8B}@\\x{4F8B}.example",
      reply: { code: 550, enhanced: "5.1.1", lines: ["Kein Postfach für 宋"] },
    }],
    read: reader(utf8.encode(MESSAGE.replace("Lunch", "Käse zu Mittag"))),
  }],
  ["utf8_to_ascii", {
    message: withMail({ ret: "full" }),
    recipients: [{ ...FAILED, orcpt: "utf-8;\\x{5B8B}@\\x{4F8B}.example" }],
    read: reader(utf8.encode(MESSAGE.replace("At one?", "Käse?"))),
  }],
]);
