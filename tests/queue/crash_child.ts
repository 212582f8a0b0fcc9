/**
 * Commits messages, delivers some and bounces some, until it is killed, and writes a line for all that
 * it was told is so. Arguments: the state directory, a seed, and faults as JSON.
 */
import { queueIds } from "../../lib/queue/queue_id.ts";
import { openSqliteStore } from "../../lib/queue/sqlite_store.ts";
import { newEntry, octets, recipient, stage } from "./fixture.ts";

const [directory, seed, faults] = Deno.args;
const nextId = queueIds(Date.now);
const utf8 = new TextEncoder();
let count = Number(seed) * 1_000_000;

/** One write for one line: a line is there whole or not at all. */
function tell(...words: (string | number)[]): void {
  Deno.stdout.writeSync(utf8.encode(`${words.join(" ")}\n`));
}

const store = await openSqliteStore({ directory, faults: JSON.parse(faults ?? "[]") });
await store.endLeases("worker-1");
tell("open");

async function commit(): Promise<void> {
  for (;;) {
    const number = count++;
    const size = number % 7 === 0 ? 265_000 + number % 20_000 : number % 9_000;
    const id = nextId();
    const body = await stage(store, octets(size, number));
    const recipients = [recipient("a@example.com"), recipient("b@example.net")];
    await store.commit(newEntry({ id, recipients, accepted: Date.now() }), body);
    tell("committed", id, number, size);
  }
}

async function deliver(domain: string): Promise<void> {
  for (;;) {
    const now = Date.now();
    const owner = "worker-1";
    const leases = await store.lease({ domain, owner, now, until: now + 1e6, limit: 3 });
    for (const lease of leases) {
      const { entry: { id, recipients } } = lease;
      const isBounce = count % 2 === 0;
      const number = count++;
      const notice = {
        entry: newEntry({ id: nextId(), recipients: [recipient("x@held.test", { held: true })] }),
        body: await stage(store, octets(100, number)),
      };
      const outcomes = recipients.map(({ index }) => ({
        index,
        state: isBounce ? "failed" as const : "delivered" as const,
        reply: { code: isBounce ? 550 : 250, lines: [""] },
      }));
      const attempt = { begun: now, ended: now, outcomes };
      await store.record(lease, attempt, isBounce ? [notice] : []);
      tell("recorded", id, recipients[0].index, isBounce ? "failed" : "delivered");
      if (isBounce) tell("committed", notice.entry.id, number, 100);
    }
    if (leases.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

await Promise.all([
  ...Array.from({ length: 10 }, commit),
  deliver("example.com"),
  deliver("example.net"),
]);
