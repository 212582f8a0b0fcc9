/**
 * The benchmark: `deno task bench [decoder] [accept] [idle] [large] [queue] [relay] [million] [tls] [slow]
 * [guess] [inbox] [hooks]`, all of them if none is named. It prints figures and asserts nothing, because machines differ; what is
 * compared runs side by side.
 */
import { benchAccept } from "./accept.ts";
import { benchDecoder } from "./decoder.ts";
import { benchGuess } from "./guess.ts";
import { benchHooks } from "./hooks.ts";
import { benchIdle } from "./idle.ts";
import { benchInbox } from "./inbox.ts";
import { benchLarge } from "./large.ts";
import { benchMillion } from "./million.ts";
import { benchQueue } from "./queue.ts";
import { benchRelay } from "./relay.ts";
import { benchSlow } from "./slow.ts";
import { benchTls } from "./tls.ts";

const parts = new Map<string, () => void | Promise<void>>([
  ["decoder", benchDecoder],
  ["accept", benchAccept],
  ["idle", benchIdle],
  ["large", benchLarge],
  ["queue", benchQueue],
  ["relay", benchRelay],
  ["million", benchMillion],
  ["tls", benchTls],
  ["slow", benchSlow],
  ["guess", benchGuess],
  ["inbox", benchInbox],
  ["hooks", benchHooks],
]);

const unknown = Deno.args.find((name) => !parts.has(name));
if (unknown !== undefined) {
  console.error(`bench: there is no part ${unknown}: name any of ${[...parts.keys()].join(", ")}`);
  Deno.exit(64);
}
for (const [name, run] of parts) {
  if (Deno.args.length === 0 || Deno.args.includes(name)) await run();
}
