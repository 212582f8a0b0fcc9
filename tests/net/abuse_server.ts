/**
 * The server that the abuse test attacks, in a process of its own so that its memory alone counts.
 *
 * Prints `ready PORT CONTROL`. Each line sent to the control port is answered with
 * `{ rss, peak, messages, connections }`: octets of memory now and at most, messages taken, and how many
 * sessions are open.
 *
 * @module
 */
import { startServer } from "../../lib/net/server.ts";
import { DEFAULT_LIMITS } from "../../lib/net/server_options.ts";
import { noLog } from "../../lib/net/log.ts";
import { relayingRules } from "../../lib/policy/relaying.ts";
import { reply } from "../../lib/smtp/reply.ts";

const OK = reply(250, "2.0.0", "Ok");
let messages = 0;
let connections = 0;
let peak = 0;

const server = startServer({
  hosts: ["127.0.0.1"],
  services: [{ port: 0 }],
  hostname: "mx.example.org",
  limits: {
    ...DEFAULT_LIMITS,
    maxConnections: 2000,
    maxConnectionsPerIp: 2000,
    timeout: Number(Deno.args[0]),
    dataTimeout: Number(Deno.args[0]),
  },
  hooks: {},
  relaying: relayingRules([]),
  intake: {
    mail: () => ({
      rcpt: () => OK,
      data: () => {},
      write: () => {},
      end: () => {
        messages++;
        return OK;
      },
      abort: () => {},
    }),
  },
  log: noLog,
}, async (connection) => {
  connections++;
  await connection.run();
  connections--;
});

function measure(): number {
  const { rss } = Deno.memoryUsage();
  peak = Math.max(peak, rss);
  return rss;
}

measure();
setInterval(measure, 100);

const control = Deno.listen({ hostname: "127.0.0.1", port: 0 });
console.log(`ready ${server.endpoints[0].port} ${control.addr.port}`);
const encoder = new TextEncoder();
for await (const connection of control) {
  (async () => {
    for await (const _ of connection.readable) {
      const status = { rss: measure(), peak, messages, connections };
      await connection.write(encoder.encode(`${JSON.stringify(status)}\n`));
    }
  })().catch(() => {});
}
