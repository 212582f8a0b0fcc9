/** Random operations on both stores at once: they must answer the same. */
import { assertEquals } from "@std/assert";
import { createMemoryStore } from "../../lib/queue/memory_store.ts";
import type { Filter, Lease, NewEntry, Outcome, Store } from "../../lib/queue/store.ts";
import {
  LATER,
  NEVER,
  newEntry,
  NOON,
  octets,
  readAll,
  recipient,
  SENT,
  stage,
} from "./fixture.ts";
import { assertInvariants } from "./invariants.ts";
import { stateDirectory } from "./state_directory.ts";

const STATES = ["queued", "held", "delivered", "failed", "removed"] as const;
const DOMAINS = ["a.test", "b.test", "c.test"];

/** A small generator, so that a failure can be repeated by its seed. */
function random(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * below);
  };
}

for (const seed of [1, 2, 3, 4]) {
  Deno.test(`stores answer the same to 600 random operations, seed ${seed}`, async () => {
    await using directory = await stateDirectory();
    {
      await using sqlite = await directory.open();
      await using memory = createMemoryStore();
      await compare([memory, sqlite], random(seed));
    }
    assertInvariants(directory.path);
  });
}

async function compare(stores: [Store, Store], below: (limit: number) => number): Promise<void> {
  const pick = <T>(values: readonly T[]): T => values[below(values.length)];
  const entries: NewEntry[] = [];
  /** Each store knows its leases by tokens of its own. */
  const leases: Map<Store, Lease>[] = [];
  let now = NOON;

  /** Does the same to both, and compares what comes of it, be it an error. */
  const both = async <T>(what: string, act: (store: Store) => Promise<T>): Promise<T> => {
    const [expected, actual] = await Promise.all(
      stores.map((store) =>
        act(store).catch((error) => `${error.constructor.name}` as unknown as T)
      ),
    );
    assertEquals(actual, expected, what);
    return actual;
  };
  const bothLease = async (what: string, act: (store: Store) => Promise<Lease[]>) => {
    const found = new Map<Store, Lease[]>();
    const { length } = await both(what, async (store) => {
      found.set(store, await act(store));
      return found.get(store)!.map((lease) => ({ ...lease, token: "" }));
    });
    for (let i = 0; i < length; i++) {
      leases.push(new Map(stores.map((store) => [store, found.get(store)![i]])));
    }
  };
  const filter = (): Filter => ({
    ...below(3) === 0 && { ids: [pick(entries)?.id ?? "none", pick(entries)?.id ?? "none"] },
    ...below(5) === 0 && { to: pick(["1", "X2", "@b"]) },
    ...below(3) === 0 && { domain: pick(DOMAINS) },
    ...below(4) === 0 && { state: pick(STATES) },
    ...below(4) === 0 && { before: now - below(50) },
  });
  const fresh = (): NewEntry =>
    newEntry({
      accepted: now,
      recipients: Array.from({ length: 1 + below(4) }, (_, i) =>
        recipient(`x${i}@${pick(DOMAINS)}`, { due: now + below(30), held: below(4) === 0 })),
    });

  const operations: (() => Promise<unknown>)[] = [
    async () => {
      const entry = below(20) === 0 && entries.length > 0 ? pick(entries) : fresh();
      const bytes = octets(below(10) === 0 ? 270_000 : below(50));
      await both("commit", async (store) => store.commit(entry, await stage(store, bytes)));
      if (!entries.includes(entry)) entries.push(entry);
    },
    async () => {
      const options = {
        domain: pick(DOMAINS),
        owner: pick(["w1", "w2"]),
        now,
        until: now + 1 + below(60),
        limit: 1 + below(4),
      };
      await bothLease("lease", (store) => store.lease(options));
    },
    async () => {
      const options = { owner: "w1", now, until: now + 1 + below(60), limit: 1 + below(4) };
      const wanted = filter();
      if (below(2) > 0) return;
      await bothLease("claim", (store) => store.claim(wanted, options));
    },
    async () => {
      if (leases.length === 0) return;
      const lease = below(5) === 0 ? pick(leases) : leases.splice(below(leases.length), 1)[0];
      const outcomes = lease.get(stores[0])!.entry.recipients.filter(() => below(8) > 0).map((
        { index },
      ): Outcome =>
        pick<Outcome>([
          { index, state: "delivered", reply: SENT },
          { index, state: "failed", reply: NEVER },
          { index, state: "queued", due: now + below(40), reply: LATER, delayTold: below(2) === 0 },
        ])
      );
      const attempt = { begun: now - 1, ended: now, outcomes };
      const entry = below(4) > 0 ? undefined : below(4) === 0 ? pick(entries) : fresh();
      const recorded = await both("record", async (store) => {
        const notice = entry && { entry, body: await stage(store, octets(5)) };
        return await store.record(lease.get(store)!, attempt, notice === undefined ? [] : [notice]);
      });
      if (entry !== undefined && recorded === true) entries.push(entry);
    },
    async () => {
      if (leases.length === 0) return;
      const lease = pick(leases);
      const until = now + 1 + below(60);
      if (below(2) === 0) await both("giveBack", (store) => store.giveBack(lease.get(store)!));
      else await both("renew", (store) => store.renew(lease.get(store)!, until));
    },
    async () => {
      if (below(4) === 0) await both("endLeases", (store) => store.endLeases("w1"));
    },
    async () => {
      const action = pick(["hold", "release", "retry", "remove"] as const);
      const wanted = filter();
      // Nearly everything would be over soon.
      if (action === "remove" && below(3) > 0) return;
      const route = below(2) === 0 ? "smtp://192.0.2.1" : undefined;
      await both(
        action,
        (store) =>
          action === "release" ? store.release(wanted, now, route) : store[action](wanted, now),
      );
    },
    async () => {
      if (below(3) > 0) return;
      const { recipients, expires } = fresh();
      const { id } = pick(entries) ?? { id: "none" };
      await both("add", (store) => store.add(id, { recipients, expires }));
    },
    async () => {
      const wanted = filter();
      await both("list", async (store) => (await store.list(wanted, { limit: 50 })).entries);
    },
    async () => {
      const { id } = pick(entries) ?? { id: "none" };
      await both("show", (store) => store.show(id));
      await both("attempts", (store) => store.attempts(id));
      await both("read", (store) => readAll(store, id).then(({ length }) => length));
    },
    async () => {
      const options = { before: now - below(40), limit: 1 };
      if (below(3) === 0) await both("sweep", (store) => store.sweep({ ...options, limit: 1000 }));
    },
  ];
  for (let i = 0; i < 600; i++) {
    now += below(8);
    await pick(operations)();
    await both("dueDomains", (store) => store.dueDomains({ now, limit: 2 }));
    await both("nextDue", (store) => store.nextDue());
    await both("stats", (store) => store.stats());
  }
}
