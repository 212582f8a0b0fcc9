import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { openForWriting } from "../../lib/queue/schema.ts";
import { GroupWriter } from "../../lib/queue/sqlite_session.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import { StoreFullError } from "../../lib/queue/store.ts";
import {
  idsOf,
  leaseOf,
  newEntry,
  NOON,
  octets,
  put,
  readAll,
  recipient,
  stage,
} from "./fixture.ts";
import { stateDirectory } from "./state_directory.ts";
import { storeContract } from "./store_contract.ts";

storeContract("SQLite store", async () => {
  const directory = await stateDirectory();
  const store = await directory.open();
  const close = store[Symbol.asyncDispose].bind(store);
  store[Symbol.asyncDispose] = async () => {
    await close();
    await directory[Symbol.asyncDispose]();
  };
  return store;
});

Deno.test("SQLite store has everything again after it was closed and opened", async () => {
  await using directory = await stateDirectory();
  const bodies = [octets(10, 1), octets(300_000, 2)];
  const tokens: string[] = [];
  const ids: string[] = [];
  {
    await using store = await directory.open();
    for (const bytes of bodies) ids.push((await put(store, {}, bytes)).id);
    tokens.push(...(await leaseOf(store, { limit: 1 })).map(({ token }) => token));
  }
  await using store = await directory.open();
  assertEquals(await idsOf(store), ids);
  assertEquals(await readAll(store, ids[0]), bodies[0]);
  assertEquals((await readAll(store, ids[1])).length, 300_000);
  const other = await leaseOf(store);
  assertEquals(other.length, 1, "the other one's lease goes on");
  assertEquals(await store.endLeases("worker-1"), 2);
  tokens.push(...[...other, ...await leaseOf(store)].map(({ token }) => token));
  assertEquals([tokens.length, new Set(tokens).size], [4, 4], "a token is never used again");
});

Deno.test("SQLite store puts the messages that wait into one transaction", async () => {
  await using directory = await stateDirectory();
  await using store = await directory.open();
  const before = transactions(directory.path);
  const messages = await Promise.all(
    Array.from(
      { length: 200 },
      async () => ({ entry: newEntry(), body: await stage(store, octets(50)) }),
    ),
  );
  await Promise.all(messages.map(({ entry, body }) => store.commit(entry, body)));
  const made = transactions(directory.path) - before;
  assert(made >= 1 && made <= 3, `${made} transactions`);
});

/** Counts the transactions in the write-ahead log: each has one frame that says how large the database is. */
function transactions(directory: string): number {
  const log = Deno.readFileSync(`${directory}/queue.db-wal`);
  const view = new DataView(log.buffer);
  const pageSize = view.getUint32(8);
  let count = 0;
  for (let at = 32; at < log.length; at += 24 + pageSize) if (view.getUint32(at + 4) > 0) count++;
  return count;
}

Deno.test("SQLite store flushes every group but those that only lease", async () => {
  await using directory = await stateDirectory();
  const database = openForWriting(directory.path);
  try {
    const group = new GroupWriter(database, () => {});
    const modes: unknown[] = [];
    const change = () => modes.push(database.prepare("PRAGMA synchronous").get()?.synchronous);
    const FULL = 2;
    const NORMAL = 1;
    for (const lasts of [true, false, false, true, false, true]) group.run([change], lasts);
    assertEquals(modes, [FULL, NORMAL, NORMAL, FULL, NORMAL, FULL]);
  } finally {
    database.close();
  }
});

Deno.test("SQLite store knows a COMMIT that wrote nothing from one that may have", async () => {
  await using directory = await stateDirectory();
  const database = openForWriting(directory.path);
  try {
    database.exec(
      `PRAGMA foreign_keys = ON; CREATE TABLE parent (id PRIMARY KEY);
       CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED)`,
    );
    const children = () => database.prepare("SELECT count(*) AS n FROM child").get()!.n;
    const group = new GroupWriter(database, () => {});
    // The transaction is open behind this COMMIT, so it is rolled back and the error stays what it is.
    const orphan = group.run([(transaction) => transaction.run("INSERT INTO child VALUES (1)")]);
    assert(!(orphan.failure instanceof StoreError));
    assertStringIncludes(String(orphan.failure), "FOREIGN KEY");
    assertEquals([children(), database.isTransaction], [0, false]);
    // This one has nothing to roll back any more.
    const done = group.run([(transaction) => {
      transaction.run("INSERT INTO parent VALUES (1)");
      transaction.run("INSERT INTO child VALUES (1)");
      transaction.run("COMMIT");
    }]);
    assert(done.failure instanceof StoreError);
    assertEquals([done.failure.kind, children()], ["uncertain", 1]);
    assertEquals(group.run([() => 7]).settled, [{ value: 7 }]);
  } finally {
    database.close();
  }
});

Deno.test("SQLite store keeps its files to its owner", {
  ignore: Deno.build.os === "windows",
}, async () => {
  await using directory = await stateDirectory();
  await using store = await directory.open();
  await put(store, {}, octets(300_000));
  const files = ["queue.db", "queue.db-wal", "lock", `blobs/${directory.files("blobs")[0]}`];
  for (const file of files) {
    assertEquals(Deno.statSync(`${directory.path}/${file}`).mode! & 0o077, 0, file);
  }
});

Deno.test("SQLite store deletes the files of messages that were swept, refused or aborted", async () => {
  await using directory = await stateDirectory();
  await using store = await directory.open();
  const { id } = await put(store, {}, octets(300_000));
  assertEquals(directory.files("blobs").length, 1);
  const aborted = await stage(store, octets(300_000));
  assertEquals(directory.files("blobs").length, 2);
  aborted.abort();
  await assertRejects(() => put(store, { id }, octets(300_000)), StoreError);
  await store.remove({ ids: [id] }, NOON);
  assertEquals(await store.sweep({ before: NOON + 1, limit: 1 }), 1);
  // The other files are deleted behind the caller's back.
  for (let i = 0; i < 100 && directory.files("blobs").length > 0; i++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assertEquals(directory.files("blobs"), []);
});

Deno.test("SQLite store sweeps files at its start that no message names", async () => {
  await using directory = await stateDirectory();
  {
    await using store = await directory.open();
    await put(store, {}, octets(300_000));
    await stage(store, octets(300_000));
    Deno.writeTextFileSync(`${directory.path}/blobs/README`, "not ours");
    assertEquals(directory.files("blobs").length, 3);
  }
  await using store = await directory.open();
  assertEquals(directory.files("blobs").length, 2);
  const [id] = await idsOf(store);
  assertEquals((await readAll(store, id)).length, 300_000);
});

Deno.test("SQLite store refuses messages below the watermark and takes them above it", async () => {
  await using directory = await stateDirectory();
  let free = 1_000_000;
  await using store = await directory.open({ minFree: 500_000, freeOctets: () => free });
  await put(store);
  assert(store.hasRoom(400_000));
  assert(!store.hasRoom(600_000));
  free = 499_999;
  await new Promise((resolve) => setTimeout(resolve, 250));
  assert(!store.hasRoom());
  assertEquals(await store.probe(), "octets");
  await assertRejects(() => put(store), StoreFullError, "Cannot commit");
  await assertRejects(() => stage(store, octets(300_000)), StoreFullError, "Cannot take");
  const [lease] = await leaseOf(store);
  const notice = { entry: newEntry(), body: await stage(store, octets(1000)) };
  const attempt = {
    begun: NOON,
    ended: NOON,
    outcomes: [{ index: 0, state: "failed" as const, reply: { code: 550, lines: ["No"] } }],
  };
  assert(
    await store.record(lease, attempt, [notice]),
    "what frees room is not refused for want of it",
  );
  free = 1_000_000;
  await new Promise((resolve) => setTimeout(resolve, 250));
  await put(store);
  assertEquals((await idsOf(store)).length, 3);
});

Deno.test("SQLite store does not promise the last room to several", async () => {
  await using directory = await stateDirectory();
  await using store = await directory.open({ minFree: 1_000, freeOctets: () => 1_001_000 });
  // Each takes its octets in the log and in the database, and a little more.
  const settled = await Promise.allSettled(
    Array.from({ length: 20 }, () => put(store, {}, octets(98_000))),
  );
  assertEquals(settled.filter(({ status }) => status === "fulfilled").length, 4);
});

Deno.test("SQLite store counts room inside of its database as room", async () => {
  await using directory = await stateDirectory();
  await using store = await directory.open({ minFree: 400_000, freeOctets: () => 300_000 });
  await assertRejects(() => put(store), StoreFullError);
  await using other = await stateDirectory();
  let free = 1e9;
  await using roomy = await other.open({ minFree: 400_000, freeOctets: () => free });
  for (let i = 0; i < 10; i++) await put(roomy, {}, octets(50_000));
  await roomy.remove({}, NOON);
  await roomy.sweep({ before: NOON + 1, limit: 100 });
  free = 300_000;
  await new Promise((resolve) => setTimeout(resolve, 250));
  await put(roomy);
});

Deno.test("SQLite store never has more messages than its limit, however many come at once", async () => {
  await using directory = await stateDirectory();
  await using store = await directory.open({ maxMessages: 5 });
  const settled = await Promise.allSettled(Array.from({ length: 20 }, () => put(store)));
  assertEquals(settled.filter(({ status }) => status === "fulfilled").length, 5);
  for (const one of settled) {
    if (one.status === "rejected") assert(one.reason instanceof StoreFullError);
  }
  await store.remove({ ids: (await idsOf(store)).slice(0, 1) }, NOON);
  await put(store);
  await assertRejects(() => put(store), StoreFullError);
});

Deno.test("SQLite store waits for somebody else who has the database locked", async () => {
  await using directory = await stateDirectory();
  await using store = await directory.open();
  const other = new DatabaseSync(`${directory.path}/queue.db`);
  other.exec("BEGIN IMMEDIATE");
  const committed = put(store);
  // A question goes to another thread and is answered all the same.
  assertEquals((await store.stats()).messages, 0);
  other.exec("ROLLBACK");
  other.close();
  await committed;
  assertEquals((await store.stats()).messages, 1);
});

Deno.test("SQLite store answers questions while a long search goes on", async () => {
  await using directory = await stateDirectory();
  await using store = await directory.open();
  await Promise.all(Array.from({ length: 6_000 }, () => put(store)));
  const search = store.list({ to: "nobody" }, { limit: 1 }).then(() => "search");
  const commit = put(store).then(() => "commit");
  const question = store.nextDue().then(() => "question");
  assertEquals(await Promise.race([search, question]), "question");
  await Promise.all([search, commit]);
});

Deno.test("SQLite store refuses every call once it is closed, and settles those from before", async () => {
  await using directory = await stateDirectory();
  const store = await directory.open();
  const body = await stage(store, octets(10));
  const last = put(store, { recipients: [recipient("a@b.test")] });
  await Promise.resolve();
  await store[Symbol.asyncDispose]();
  await last.catch((error) => assert(error instanceof StoreError));
  const error = await assertRejects(() => store.commit(newEntry(), body), StoreError, "was closed");
  assertEquals(error.kind, "closed");
  await assertRejects(() => store.stats(), StoreError, "was closed");
  await store[Symbol.asyncDispose]();
});
