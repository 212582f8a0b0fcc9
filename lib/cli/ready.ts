/** `smtpd ready`: whether the server answers, for scripts and health checks. @module */
import type { Config } from "../config.ts";
import { ConfigError, shown } from "../config/sources.ts";
import { duration } from "../config/values.ts";
import { hostAndPort } from "../policy/network.ts";
import { EXIT, Failure } from "./failure.ts";
import { connectable, greetingOf, headerFor } from "./greeting.ts";
import { type Call, checkOperands, type Verb } from "./verb.ts";

/** How long a server that takes the connection may keep its greeting back, in milliseconds. */
const GREETING_TIMEOUT = 5_000;

/** How long to wait before the next try, in milliseconds. */
const PAUSE = 100;

function after(delay: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, delay));
}

/** Where to knock: the first address the server is bound to, or the loopback address. */
function addressOf(config: Config): string {
  const [first = "0.0.0.0"] = config.host;
  return connectable(first);
}

async function knock(address: string, port: number, header: string): Promise<boolean> {
  const deadline = new AbortController();
  const timer = setTimeout(() => deadline.abort(), GREETING_TIMEOUT);
  try {
    const greeting = await greetingOf({ address, port }, deadline.signal, header);
    return greeting?.startsWith("220") ?? false;
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
  flags: [
    {
      name: "wait",
      placeholder: "DURATION",
      meaning: "try for as long as that; once if left out",
      value: duration,
      repeatable: false,
    },
  ],
  examples: [{
    purpose: "in a test",
    line: "smtpd --port 2525 & smtpd ready --port 2525 --wait 10s",
  }],
  details: () =>
    "--host and --port say where, as for serve, and --proxy-protocol whether a PROXY\n" +
    "header has to come first; its other flags are taken and change nothing.",
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
        const wrong = `${hostAndPort(address, config.port)} does not answer 220`;
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
