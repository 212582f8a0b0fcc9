/** `smtpd demo`: an inbox to try out, with some messages in it. @module */
import type { Config } from "../config.ts";
import { flagName, type Key, variableName } from "../config/names.ts";
import { lineLog } from "../log.ts";
import { hostAndPort } from "../policy/network.ts";
import { parseWholePath } from "../smtp/address.ts";
import { formatPath, type Mailbox, needsUtf8 } from "../smtp/mailbox.ts";
import { replyText } from "../smtp/reply.ts";
import { relay } from "../relay/relay.ts";
import { type DemoMessage, demoMessages } from "./demo_messages.ts";
import { EXIT, Failure } from "./failure.ts";
import { type Listening, runServer } from "./run_server.ts";
import { type Call, checkOperands, type Verb } from "./verb.ts";

/** The settings of a demo: those that were given, beside what makes it one. */
function demoConfig(call: Call, directory: string): Config {
  const config = call.config();
  const isGiven = (key: Key) =>
    call.flags.has(flagName(key)) || call.around.environment.has(variableName(key));
  return {
    ...config,
    route: { kind: "hold" },
    routes: [],
    localDomain: [],
    noQueue: false,
    queue: directory,
    maildir: `${directory}/mail`,
    ...!isGiven("host") && { host: ["127.0.0.1"] },
    ...!isGiven("port") && { port: 2525 },
    ...!isGiven("ui") && { ui: { address: "127.0.0.1", port: 8025 } },
    ...!isGiven("logLevel") && { logLevel: "warn" as const },
  };
}

function mailboxOf(address: string): Mailbox {
  const path = parseWholePath(`<${address}>`);
  if (!("value" in path) || path.value === null) throw new TypeError(`Cannot send to ${address}`);
  return path.value;
}

async function send({ from, to, content }: DemoMessage, route: string): Promise<void> {
  const paths = [from, ...to].map(mailboxOf);
  const [reversePath, ...forwardPaths] = paths;
  const results = await relay({
    reversePath,
    forwardPaths,
    smtpUtf8: paths.some(needsUtf8),
    content: ReadableStream.from([content]),
  }, { route });
  const refused = results.find(({ status }) => status !== "delivered");
  if (refused === undefined) return;
  const wrong = `the demo's own message to ${formatPath(refused.recipient)} was refused`;
  throw new Failure(EXIT.temporary, wrong, replyText(refused.reply));
}

/** The command. */
export const demo: Verb = {
  usage: "demo [flags]",
  summary: "try the inbox, with five messages in it",
  takesSettings: true,
  details: () =>
    "It listens on 127.0.0.1, for mail on port 2525 and with the page on port 8025,\n" +
    "unless --host, --port and --ui say otherwise, holds all mail, and sends itself\n" +
    "five messages. Its queue is in a temporary directory, which is removed at the\n" +
    "end: nothing is kept.",
  async run(call) {
    checkOperands(call, 0, 0, demo.usage);
    const directory = await Deno.makeTempDir({ prefix: "smtpd-demo-" });
    try {
      const config = demoConfig(call, directory);
      using lines = lineLog(config.logLevel, config.logFormat);
      const begin = async ({ endpoints, ui }: Listening) => {
        const [{ address, port }] = endpoints;
        const smtp = `smtp://${hostAndPort(address, port)}`;
        const messages = demoMessages(new Date());
        for (const message of messages) await send(message, smtp);
        call.around.out(`${messages.length} messages are in the inbox: ${ui}`);
        call.around.out(`Send your own to ${smtp}. Ctrl-C ends it.`);
      };
      await runServer(config, lines, { begin });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
    return EXIT.ok;
  },
};
