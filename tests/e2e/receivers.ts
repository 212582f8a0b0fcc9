/** Real programs as receivers. Each says what it has stored, with its own marks taken off exactly. */
import { assert } from "@std/assert";
import { BackgroundProcess, findPeer } from "../peers.ts";
import type { Sample } from "./corpus.ts";
import { fileNames, splitForeignReceived } from "./mailbox.ts";
import { POSTFIX, startPostfix } from "./postfix.ts";

const latin1 = new TextDecoder("latin1");
const scripts = new URL("scripts/", import.meta.url).pathname;

/** A receiver that runs. */
export interface Receiver extends AsyncDisposable {
  /** The messages that it has stored since this was called last, as they came to it. */
  take(): Uint8Array[];
}

/** A program that receives mail. */
export interface ReceiverKind {
  readonly name: string;
  /** What it needs, as `findPeer` calls it. */
  readonly needs: string;
  /** The domain of its recipients. */
  readonly domain: string;
  /** Starts it at an address and port, with a directory of its own. */
  start(address: string, port: number, directory: string): Promise<Receiver>;
  /** What our client is told about a message that it does not take; nothing if it takes it. */
  refusal?(sample: Sample): RegExp | undefined;
  /** Whether it stores a message only when the client has gone, as it does seconds later from the queue. */
  readonly isLate?: boolean;
}

function peer(name: string): string {
  const path = findPeer(name);
  assert(path !== undefined, `Cannot find ${name}`);
  return path;
}

/** The octets of text whose lines are stored with LF, as they were on the wire: it had no bare LF. */
function onTheWire(stored: Uint8Array): Uint8Array {
  const wire = new Uint8Array(stored.length * 2);
  let length = 0;
  for (const octet of stored) {
    if (octet === 10) wire[length++] = 13;
    wire[length++] = octet;
  }
  return wire.subarray(0, length);
}

/** Reads the files of a directory, each of them once. */
function reader(directory: string, read: (stored: Uint8Array) => Uint8Array): () => Uint8Array[] {
  const seen = new Set<string>();
  return () => {
    const fresh = fileNames(directory).filter((name) => !name.startsWith(".") && !seen.has(name));
    for (const name of fresh) seen.add(name);
    return fresh.map((name) => read(Deno.readFileSync(`${directory}/${name}`)));
  };
}

/** Starts a program that writes each message into a file of its own, which `read` makes sense of. */
async function startStoring(
  file: string,
  args: readonly string[],
  env: Record<string, string>,
  directory: string,
  isReady: (process: BackgroundProcess) => Promise<unknown>,
  read: (stored: Uint8Array) => Uint8Array = (stored) => stored,
): Promise<Receiver> {
  const process = new BackgroundProcess(file, [...args], { env });
  try {
    await isReady(process);
  } catch (error) {
    await process.stop();
    throw error;
  }
  return {
    take: reader(directory, read),
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

const saysReady = (process: BackgroundProcess) => process.line(/^ready$/);

/** A directory that a program without our rights may write to. */
function openDirectory(directory: string, name: string): string {
  const path = `${directory}/${name}`;
  Deno.mkdirSync(path);
  Deno.chmodSync(path, 0o777);
  return path;
}

const MAILBOX_FIELDS = /^Return-Path: .*\nX-Original-To: .*\nDelivered-To: .*\n/;

const postfix: ReceiverKind = {
  name: "Postfix",
  needs: POSTFIX,
  domain: "postfix.test",
  async start(address, port, directory) {
    const started = await startPostfix(directory, address, {}, port);
    return {
      take: reader(started.mailbox, (file) => {
        const own = MAILBOX_FIELDS.exec(latin1.decode(file.subarray(0, 4096)))?.[0];
        assert(own !== undefined);
        return onTheWire(splitForeignReceived(file.subarray(own.length), "\n").content);
      }),
      [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
    };
  },
};

const smtpServer: ReceiverKind = {
  name: "smtp-server",
  needs: "npm:smtp-server",
  domain: "smtp-server.test",
  start: (address, port, directory) =>
    startStoring(
      "node",
      [`${scripts}smtp_server.cjs`, address, `${port}`, openDirectory(directory, "smtp-server")],
      { NODE_PATH: peer("npm:smtp-server") },
      `${directory}/smtp-server`,
      saysReady,
    ),
};

function aiosmtpd(kind: "smtp" | "lmtp"): ReceiverKind {
  return {
    name: `aiosmtpd by ${kind.toUpperCase()}`,
    needs: "python:aiosmtpd",
    domain: "aiosmtpd.test",
    start: (address, port, directory) =>
      startStoring(
        peer("python:aiosmtpd"),
        [
          `${scripts}aiosmtpd_server.py`,
          kind,
          address,
          `${port}`,
          openDirectory(directory, `aiosmtpd-${kind}`),
        ],
        {},
        `${directory}/aiosmtpd-${kind}`,
        saysReady,
      ),
    refusal: ({ hasLongLine }) =>
      hasLongLine ? /^(?:554 5\.0\.0 .* said: )?500 +Line too long/ : undefined,
  };
}

/** As root smtp-sink wants to be told whom to run as, and as nobody else. */
export const SINK_USER: readonly string[] = Deno.build.os === "linux" && Deno.uid() === 0
  ? ["-u", "nobody"]
  : [];

const DUMP_FIELDS =
  /^X-Client-Addr: .*\nX-Client-Proto: .*\nX-Helo-Args: .*\nX-Mail-Args: .*\n(?:X-Rcpt-Args: .*\n)+/;

function smtpSink(kind: "smtp" | "lmtp"): ReceiverKind {
  return {
    name: `smtp-sink by ${kind.toUpperCase()}`,
    needs: "smtp-sink",
    domain: "smtp-sink.test",
    start: (address, port, directory) =>
      startStoring(
        peer("smtp-sink"),
        [
          ...SINK_USER,
          ...(kind === "lmtp" ? ["-L"] : []),
          ...[
            "-d",
            `${openDirectory(directory, `smtp-sink-${kind}`)}/`,
            `${address}:${port}`,
            "100",
          ],
        ],
        {},
        `${directory}/smtp-sink-${kind}`,
        (process) => process.listening(port, address),
        (stored) => {
          const own = DUMP_FIELDS.exec(latin1.decode(stored.subarray(0, 4096)))?.[0];
          // It puts an empty line behind each message.
          assert(own !== undefined && stored.at(-1) === 10);
          const field = splitForeignReceived(stored.subarray(own.length, -1), "\n");
          return onTheWire(field.content);
        },
      ),
    refusal: ({ isInternational }) => isInternational ? /^55. 5\.6\.7 / : undefined,
  };
}

const netSmtpServer: ReceiverKind = {
  name: "Net::SMTP::Server",
  needs: "perl:Net::SMTP::Server",
  domain: "macgyver.test",
  isLate: true,
  start: (address, port, directory) =>
    startStoring(
      peer("perl:Net::SMTP::Server"),
      [
        `${scripts}net_smtp_server.pl`,
        address,
        `${port}`,
        openDirectory(directory, "net-smtp-server"),
      ],
      {},
      `${directory}/net-smtp-server`,
      saysReady,
    ),
  // It knows HELO alone, and so none of the extensions.
  refusal: ({ isEightBit, isInternational }) =>
    isInternational ? /^55. 5\.6\.7 / : isEightBit ? /^554 5\.6\.3 / : undefined,
};

/** Those that take mail by SMTP. */
export const SMTP_RECEIVERS: readonly ReceiverKind[] = [
  postfix,
  smtpServer,
  aiosmtpd("smtp"),
  smtpSink("smtp"),
  netSmtpServer,
];

/** Those that take mail by LMTP. */
export const LMTP_RECEIVERS: readonly ReceiverKind[] = [aiosmtpd("lmtp"), smtpSink("lmtp")];
