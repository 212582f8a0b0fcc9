/** smtp-sink(1) as the next hop of the crash test: what it has taken is read from its files at the end. */
import { assert } from "@std/assert";
import { BackgroundProcess, freePort } from "../peers.ts";
import type { Ledger } from "./crash_ledger.ts";
import { lifeOf } from "./crash_life.ts";
import { contentProblem, queuedAs, type Receiver, tokenOf } from "./crash_receiver.ts";
import { SINK_USER } from "./receivers.ts";
import { temporaryDirectory } from "./smtpd.ts";

const latin1 = new TextDecoder("latin1");

/** Starts it. */
export async function startSink(program: string): Promise<Receiver> {
  const directory = temporaryDirectory();
  // It writes as the user that it becomes.
  Deno.chmodSync(directory.path, 0o777);
  const port = freePort();
  const process = new BackgroundProcess(program, [
    ...SINK_USER,
    ...["-d", `${directory.path}/`, `127.0.0.1:${port}`, "100"],
  ]);
  await process.listening(port);
  return {
    port,
    putOff: () => 0,
    collect(ledger) {
      for (const { name } of Deno.readDirSync(directory.path)) {
        const octets = Deno.readFileSync(`${directory.path}/${name}`);
        take(latin1.decode(octets), ledger);
      }
    },
    async [Symbol.asyncDispose]() {
      await process.stop();
      directory[Symbol.dispose]();
    },
  };
}

const FIELDS =
  /^X-Client-Addr: .*\nX-Client-Proto: .*\nX-Helo-Args: (.*)\nX-Mail-Args: .*\n((?:X-Rcpt-Args: .*\n)+)/;

/** Enters one file in the ledger. */
function take(stored: string, ledger: Ledger): void {
  const fields = FIELDS.exec(stored);
  assert(fields !== null, stored.slice(0, 1000));
  const [own, helo, recipients] = fields;
  // It puts an empty line behind each message, and writes lines as Unix does.
  const text = stored.slice(own.length, -1).replaceAll("\n", "\r\n");
  const addresses = [...recipients.matchAll(/<([^>]*)>/g)].map(([, address]) => address);
  const token = tokenOf(addresses[0]);
  const problem = contentProblem(text, token);
  // What was broken off in the middle stays there, and was never promised.
  if (problem !== undefined) return;
  for (const address of addresses) ledger.came(lifeOf(helo), token, queuedAs(text), address);
}
