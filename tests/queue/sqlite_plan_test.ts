/** No question and no change looks at the whole queue. */
import { assert, assertEquals } from "@std/assert";
import type { DatabaseSync } from "node:sqlite";
import { openSqliteStore } from "../../lib/queue/sqlite_store.ts";
import type { Store } from "../../lib/queue/store.ts";
import { openForWriting } from "../../lib/queue/schema.ts";
import { act } from "../../lib/queue/sqlite_actions.ts";
import {
  claim,
  endLeases,
  giveBack,
  lease,
  leaseKey,
  record,
  renew,
} from "../../lib/queue/sqlite_leases.ts";
import { insertMessage, setAside, sweepMessages } from "../../lib/queue/sqlite_messages.ts";
import * as reads from "../../lib/queue/sqlite_reads.ts";
import { attemptRow, messageRow } from "../../lib/queue/sqlite_rows.ts";
import { BEGINNING } from "../../lib/queue/sqlite_select.ts";
import { GroupWriter, sqlSession, type Transaction } from "../../lib/queue/sqlite_session.ts";
import type { Filter } from "../../lib/queue/store.ts";
import { NEVER, newEntry, NOON, octets, OWNER, put, recipient } from "./fixture.ts";
import { stateDirectory } from "./state_directory.ts";

/** Scans that are bounded: of a few rows that were chosen before, or by a limit behind a range. */
const BOUNDED = /^SCAN (?:candidate|json_each|tally|CONSTANT ROW|\(subquery-\d+\))/;

Deno.test("SQLite store never scans a table or an index", async () => {
  await using directory = await stateDirectory();
  const statements = new Set<string>();
  const database = openForWriting(directory.path);
  const prepare = database.prepare.bind(database);
  database.prepare = (sql) => {
    statements.add(sql);
    return prepare(sql);
  };
  try {
    runEverything(database);
    assert(statements.size > 40, `${statements.size} statements`);
    const scans: string[] = [];
    for (const sql of statements) {
      if (!/^\s*(?:SELECT|WITH|UPDATE|DELETE|INSERT)/.test(sql)) continue;
      for (const { detail } of prepare(`EXPLAIN QUERY PLAN ${sql}`).all()) {
        const step = String(detail);
        // The oldest of an index is where the scan begins, and ends.
        const isFirst = /ORDER BY accepted, id LIMIT 1$/.test(sql);
        if (step.startsWith("SCAN") && !BOUNDED.test(step) && !isFirst) {
          scans.push(`${step} in ${sql}`);
        }
      }
    }
    assertEquals(scans, []);
  } finally {
    database.close();
  }
});

/** Runs each kind of statement that there is. */
function runEverything(database: DatabaseSync): void {
  const group = new GroupWriter(database, () => {});
  const sql = sqlSession(database);
  const blobs = { remove() {}, setAside() {}, sweep() {} };
  const run = <T>(change: (transaction: Transaction) => T): T => {
    const [settled] = group.run([change]).settled;
    if ("error" in settled) throw settled.error;
    return settled.value as T;
  };
  const recipients = [recipient("a@x.test"), recipient("b@x.test"), recipient("c@y.test")];
  const entries = Array.from({ length: 4 }, () => newEntry({ recipients }));
  for (const entry of entries) {
    run((transaction) =>
      insertMessage(transaction, { ...messageRow(entry, 5), octets: octets(5) })
    );
  }
  const options = { domain: "x.test", owner: OWNER, now: NOON, until: NOON + 9, limit: 3 };
  const [first, second] = run((transaction) => lease(transaction, blobs, options));
  run((transaction) => renew(transaction, leaseKey(first), NOON + 20));
  run((transaction) => giveBack(transaction, leaseKey(second)));
  const outcomes = [{ index: 0, state: "failed" as const, reply: NEVER }];
  const attempt = { begun: NOON, ended: NOON, outcomes };
  assert(run((transaction) => record(transaction, leaseKey(first), attemptRow(attempt), [])));
  const filters: Filter[] = [
    {},
    { ids: [entries[0].id] },
    { to: "a" },
    { from: "s" },
    { domain: "x.test" },
    { before: NOON + 1 },
    { ids: [entries[0].id], to: "a", from: "s", domain: "x.test", before: NOON + 1 },
  ];
  for (const filter of filters) {
    for (const state of [undefined, "queued", "held", "failed"] as const) {
      reads.list(sql, { ...filter, state }, BEGINNING, 9);
      run((transaction) =>
        claim(transaction, blobs, {
          filter: { ...filter, state },
          after: BEGINNING,
          owner: OWNER,
          now: NOON,
          until: NOON + 1,
          limit: 1,
        })
      );
    }
    for (
      const [action, state] of [["hold", "queued"], ["release", "held"], [
        "retry",
        "queued",
      ]] as const
    ) {
      run((transaction) => act(transaction, { action, filter: { ...filter, state }, now: NOON }));
    }
  }
  run((transaction) => endLeases(transaction, OWNER, 10));
  for (const after of [undefined, "a"]) reads.dueDomains(sql, { now: NOON, limit: 5, after });
  const known = entries.map(({ id }) => id);
  reads.nextDue(sql);
  reads.find(sql, "0", 5);
  reads.show(sql, known[0]);
  reads.attempts(sql, known[0]);
  reads.body(sql, known[0]);
  reads.waiting(sql, "x.test", 5);
  reads.stats(sql);
  run((transaction) =>
    act(transaction, { action: "remove", filter: { ids: [known[1]], state: "queued" }, now: NOON })
  );
  assertEquals(
    run((transaction) => sweepMessages(transaction, blobs, { before: NOON + 1, limit: 9 })),
    1,
  );
  run((transaction) => setAside(transaction, blobs, 1, "a test"));
}

Deno.test("SQLite store answers as soon about many recipients as about few", async () => {
  await using directory = await stateDirectory();
  await using store = await openSqliteStore({ directory: directory.path });
  const small = await slowest(store, 200);
  const large = await slowest(store, 20_000);
  // Ten times as long would be a hundredth of what looking at each of them takes.
  assert(large < Math.max(10 * small, 25), `${small} ms became ${large} ms`);
});

/** Fills a store with messages to so many domains, and answers what the slowest question takes. */
async function slowest(store: Store, count: number): Promise<number> {
  await Promise.all(
    Array.from({ length: count }, (_, i) =>
      put(store, {
        recipients: [recipient(`a@d${i % 1000}.test`, { due: NOON + (i % 3 === 0 ? 0 : 9e6) })],
      })),
  );
  const questions = [
    () => store.dueDomains({ now: NOON, limit: 100 }),
    () => store.dueDomains({ now: NOON, limit: 100, after: "d5" }),
    () => store.nextDue(),
    () => store.lease({ domain: "d0.test", owner: OWNER, now: NOON, until: NOON + 1, limit: 10 }),
    () => store.list({}, { limit: 20 }),
    () => store.list({ domain: "d999.test" }, { limit: 20 }),
    () => store.waiting("d999.test", 100),
    () => store.stats(),
  ];
  let most = 0;
  for (const question of questions) {
    await question();
    const times = [];
    for (let i = 0; i < 5; i++) {
      const begun = performance.now();
      await question();
      times.push(performance.now() - begun);
    }
    // The median leaves out what the machine does beside.
    most = Math.max(most, times.toSorted((a, b) => a - b)[2]);
  }
  return most;
}
