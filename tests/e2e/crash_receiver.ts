/** The next hop of the crash test, which outlives the server and says what it has taken. */
import { crc32 } from "node:zlib";
import { listen, type ListeningServer } from "../../lib/net/listen.ts";
import type { IncomingMail } from "../../lib/net/incoming_mail.ts";
import { formatMailbox } from "../../lib/smtp/mailbox.ts";
import { reply } from "../../lib/smtp/reply.ts";
import type { Ledger } from "./crash_ledger.ts";
import { lifeOf } from "./crash_life.ts";

const LATER = reply(451, "4.2.0", "Not now, try again later");
const NOBODY = reply(550, "5.1.1", "There is no such user here");

const latin1 = new TextDecoder("latin1");

/** A receiver that runs. */
export interface Receiver extends AsyncDisposable {
  readonly port: number;
  /** How often it has put a recipient or a message off. */
  readonly putOff: () => number;
  /** Enters in the ledger what it has not entered as it came. */
  collect?(ledger: Ledger): void;
}

/** How many messages are sent, of a hundred, to a recipient that is put off, or taken slowly. */
const PUT_OFF = 8;
const SLOW = 4;

/** The addresses of the test: `KIND.TOKEN@DOMAIN`. */
export function addressOf(kind: string, token: string, domain: string): string {
  return `${kind}.${token}@${domain}`;
}

/** The token in an address. */
export function tokenOf(address: string): string {
  return address.slice(address.indexOf(".") + 1, address.indexOf("@"));
}

/** A number below 100 that belongs to a text, so that what is done with it is the same in each run. */
function lot(text: string): number {
  return crc32(text) % 100;
}

/** The header fields by which content can be checked: see `crash_clients.ts`. */
export const CONTENT_FIELD = /^X-Content: (\d+) ([0-9a-f]+)\r$/m;

/**
 * Starts one. It refuses the recipients whose kind begins with `refused`; it puts some off the first
 * time with 451, at RCPT or behind the mail data, and is slow with some.
 *
 * @param seed who is put off and what is slow goes by it
 */
export function startReceiver(seed: number, ledger: Ledger): Receiver {
  const tried = new Set<string>();
  let putOff = 0;

  /** Whether something is to be put off: only the first time. */
  function isPutOff(what: string): boolean {
    if (lot(`${seed} ${what}`) >= PUT_OFF || tried.has(what)) return false;
    tried.add(what);
    putOff++;
    return true;
  }

  const server: ListeningServer = listen({
    port: 0,
    hosts: ["127.0.0.1"],
    hostname: "receiver.test",
    limits: { maxConnectionsPerIp: 1000 },
    hooks: {
      rcpt(_, { forwardPath }) {
        const address = formatMailbox(forwardPath);
        if (address.startsWith("refused")) return NOBODY;
        if (isPutOff(address)) return LATER;
      },
    },
  }, async (session) => {
    for await (const mail of session.process()) await take(lifeOf(session.heloName), mail);
  });

  async function take(life: number, mail: IncomingMail): Promise<void> {
    let text: string;
    try {
      text = latin1.decode(await mail.bytes());
    } catch {
      // The server was killed in the midst of it.
      return;
    }
    const addresses = mail.forwardPaths.map(formatMailbox);
    const [first] = addresses;
    const token = tokenOf(first);
    if (isPutOff(`message to ${first}`)) return mail.accept(LATER);
    if (mail.reversePath === null) {
      ledger.bounced(
        life,
        { id: found(/^Message-ID: <([^@>]+)@/m, text), to: first },
        { token, id: queuedAs(text), failed: failedIn(text) },
      );
    } else {
      const problem = contentProblem(text, token);
      if (problem !== undefined) ledger.wrong(`${queuedAs(text)} is damaged: ${problem}`);
      for (const address of addresses) ledger.came(life, token, queuedAs(text), address);
    }
    if (lot(`${seed} slow ${first}`) < SLOW) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    mail.accept(reply(250, "2.0.0", `Taken for ${addresses.length}`));
  }

  return {
    port: server.port,
    putOff: () => putOff,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function found(pattern: RegExp, text: string): string {
  const match = pattern.exec(text);
  if (match === null) throw new Error(`Cannot find ${pattern} in ${text.slice(0, 2000)}`);
  return match[1];
}

/** The id by which the server knows a message, from the Received field; in a notice, from the original's. */
export function queuedAs(text: string): string {
  return found(/^Received: from client\.test [^]*?\bid ([0-9A-Za-z]{16})\b/m, text);
}

/** The recipients that a notice says have failed. */
function failedIn(notice: string): string[] {
  const fields = notice.matchAll(
    /^Final-Recipient: rfc822; *([^\r]+)\r\nAction: failed\r$/gm,
  );
  return [...fields].map(([, address]) => address);
}

/** What is wrong with the content of a client's message, if anything is. */
export function contentProblem(text: string, token: string): string | undefined {
  const field = CONTENT_FIELD.exec(text);
  if (field === null || !text.includes(`Subject: ${token}\r\n`)) return "its header is another";
  const [, size, sum] = field;
  const body = text.slice(text.indexOf("\r\n\r\n") + 4);
  if (body.length !== Number(size)) return `it has ${body.length} octets instead of ${size}`;
  if (crc32(body).toString(16) !== sum) return "its octets are others";
}
