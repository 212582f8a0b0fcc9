/**
 * A server with hooks that change things: the parts of `smtpd serve` put together in the same way. Its
 * arguments are a {@linkcode HookScript} as JSON, and the flags of `smtpd serve`. It prints each event of
 * its log as JSON on a line, and `open PORT` once it listens.
 */
import { serverOptions, waysOf } from "../../lib/cli/compose.ts";
import { parseCommandLine, SETTING_FLAGS } from "../../lib/cli/flags.ts";
import { loadConfig } from "../../lib/cli/load.ts";
import { type MailWay, openMailWay, queuedWay } from "../../lib/cli/mail_way.ts";
import { realSurroundings } from "../../lib/cli/surroundings.ts";
import type { Hooks } from "../../lib/mod.ts";
import type { Log } from "../../lib/net/log.ts";
import { startServer } from "../../lib/net/server.ts";
import type { Fault } from "../../lib/queue/fault.ts";
import { openSqliteStore } from "../../lib/queue/sqlite_store.ts";

/** What the hooks of the server do, and what befalls it. */
export interface HookScript {
  /** The routes of recipients by their local parts; those of others lead to the catch-all. */
  readonly routes: Readonly<Record<string, string>>;
  /** Whether the data hook reads the message before it answers. */
  readonly reads: boolean;
  /** Failures of the store. */
  readonly faults?: readonly Fault[];
}

const script: HookScript = JSON.parse(Deno.args[0]);
const config = loadConfig(
  parseCommandLine(Deno.args.slice(1), SETTING_FLAGS),
  realSurroundings(),
);
const log: Log = (_level, event, fields) => console.log(JSON.stringify({ event, ...fields }));
const routes = new Map(Object.entries(script.routes));

const hooks: Hooks = {
  rcpt(_session, { forwardPath: { localPart, domain } }) {
    const route = routes.get(localPart);
    if (route !== undefined) return { route };
    return { forwardPaths: [{ localPart: "catchall", domain }], route: routes.get("catchall") };
  },
  async data(_session, { header, content }) {
    let octets = 0;
    if (script.reads) { for await (const slice of content) octets += slice.length; }
    const subject = header.find(({ name }) => name.toLowerCase() === "subject")?.value ?? "";
    return {
      header: [
        { kind: "add", name: "X-Octets", value: `${octets}`, at: "top" },
        { kind: "replace", name: "Subject", value: `[list] ${subject}` },
        { kind: "remove", name: "X-Secret" },
      ],
    };
  },
};

async function open(): Promise<MailWay> {
  const ways = waysOf(config, { names: new Set([config.hostname]), endpoints: [] }, log);
  if (script.faults === undefined) return await openMailWay(config, ways, log);
  const { queue: directory, queueReserve: minFree } = config;
  const store = await openSqliteStore({ directory, minFree, faults: script.faults });
  return await queuedWay(store, config, ways, log);
}

const way = await open();
const server = startServer({ ...serverOptions(config, way.intake, log), hooks });
console.log("open", server.endpoints[0].port);
