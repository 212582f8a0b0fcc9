/** `smtpd ready`: whether the server answers, for scripts and health checks. @module */
import type { Config } from "../config.ts";
import { ConfigError, shown } from "../config/sources.ts";
import { duration } from "../config/values.ts";
import { cidrContains, parseIp } from "../policy/network.ts";
import { EXIT, Failure } from "./failure.ts";
import { type Call, checkOperands, type Verb } from "./verb.ts";

/** How long a server that takes the connection may keep its greeting back, in milliseconds. */
const GREETING_TIMEOUT = 5_000;

/** How long to wait before the next try, in milliseconds. */
const PAUSE = 100;

/** More octets than a greeting has. */
const MAX_GREETING = 4096;

function after(delay: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delay));
}

/** Where to knock: the first address the server is bound to, or the loopback address. */
function addressOf(config: Config): string {
  const [first = "0.0.0.0"] = config.host;
  return first === "0.0.0.0" ? "127.0.0.1" : first === "::" ? "::1" : first;
}

/** Takes leave, so that the server has no lost connection to log; whether it answers is no matter. */
async function quit(connection: Deno.TcpConn, buffer: Uint8Array): Promise<void> {
  try {
    await connection.write(new TextEncoder().encode("QUIT\r\n"));
    await connection.read(buffer);
  } catch {
    // It was ready all the same.
  }
}

/**
 * Reads the greeting to its last line, and says QUIT.
 *
 * @returns whether it was 220
 */
async function isGreeted(connection: Deno.TcpConn): Promise<boolean> {
  const bytes = new Uint8Array(MAX_GREETING);
  let length = 0;
  while (length < bytes.length) {
    const count = await connection.read(bytes.subarray(length));
    if (count === null) return false;
    length += count;
    const greeting = new TextDecoder().decode(bytes.subarray(0, length));
    if (!/^[0-9]{3}(?: [^\n]*)?\r\n/m.test(greeting)) continue;
    if (!greeting.startsWith("220")) return false;
    await quit(connection, bytes);
    return true;
  }
  return false;
}

/** What a server wants to hear first that takes us for a proxy: that we come for ourselves. */
function headerFor({ proxyProtocol }: Config, address: string): string {
  const ip = parseIp(address);
  const isProxy = ip !== undefined && proxyProtocol.some((network) => cidrContains(network, ip));
  return isProxy ? "PROXY UNKNOWN\r\n" : "";
}

async function knock(hostname: string, port: number, header: string): Promise<boolean> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), GREETING_TIMEOUT);
  try {
    using connection = await Deno.connect({ hostname, port, signal: deadline.signal });
    deadline.signal.addEventListener("abort", () => connection.close());
    await connection.write(new TextEncoder().encode(header));
    return await isGreeted(connection);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  } finally {
    clearTimeout(timer);
  }
}

function waitOf(call: Call): number {
  const text = call.flags.get("wait")?.[0];
  if (text === undefined) return 0;
  const wait = duration.parse(text);
  if (wait === undefined) {
    throw new ConfigError("flag", `cannot use --wait ${shown(text)}`, duration.expects);
  }
  return wait;
}

/** The command. */
export const ready: Verb = {
  usage: "ready [--wait DURATION]",
  summary: "exit 0 once the server answers 220, else 75",
  takesSettings: true,
  flags: [{ name: "wait", placeholder: "DURATION", repeatable: false }],
  details: () =>
    "It tries once, or until DURATION is over. --host and --port say where, as for\n" +
    "serve, and --proxy-protocol whether a PROXY header has to come first; its other\n" +
    "flags are taken and change nothing. Example, in a test:\n\n" +
    "  smtpd --port 2525 & smtpd ready --port 2525 --wait 10s",
  async run(call) {
    checkOperands(call, 0, 0, ready.usage);
    const config = call.config();
    const wait = waitOf(call);
    if (config.port === 0) {
      throw new Failure(EXIT.usage, "port 0 is no port to connect to", "give the one in --port");
    }
    const end = performance.now() + wait;
    const address = addressOf(config);
    const header = headerFor(config, address);
    while (!(await knock(address, config.port, header))) {
      if (performance.now() + PAUSE > end) {
        const host = address.includes(":") ? `[${address}]` : address;
        const wrong = `${host}:${config.port} does not answer 220`;
        throw new Failure(
          EXIT.temporary,
          wrong,
          "start the server, or wait longer with --wait 30s",
        );
      }
      await after(PAUSE);
    }
    return EXIT.ok;
  },
};
