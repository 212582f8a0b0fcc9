import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { openSqliteReader } from "../../lib/queue/sqlite_reader.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import type { NewEntry } from "../../lib/queue/store.ts";
import { idsOf, octets, put, readAll, recipient } from "./fixture.ts";
import { stateDirectory } from "./state_directory.ts";

const STORE = new URL("../../lib/queue/sqlite_store.ts", import.meta.url).href;

/** Runs a program in a process of its own. */
function run(source: string): Deno.ChildProcess {
  const code = `import { openSqliteStore } from ${JSON.stringify(STORE)};\n${source}`;
  return new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "-A",
      `data:application/typescript,${encodeURIComponent(code)}`,
    ],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
}

Deno.test("state directory has one writer in a process", async () => {
  await using directory = await stateDirectory();
  {
    await using _store = await directory.open();
    for (let i = 0; i < 2; i++) {
      const error = await assertRejects(() => directory.open(), StoreError);
      assertEquals(error.kind, "locked");
      assertMatch(error.message, new RegExp(`^Cannot open .*: process ${Deno.pid} has it open$`));
    }
  }
  await using _again = await directory.open();
});

Deno.test("state directory has one writer on a machine, and is free when it is killed", async () => {
  await using directory = await stateDirectory();
  const child = run(`
    await openSqliteStore({ directory: ${JSON.stringify(directory.path)} });
    console.log("open");
    setInterval(() => {}, 1000);
  `);
  const reader = child.stdout.getReader();
  assertEquals(new TextDecoder().decode((await reader.read()).value).trim(), "open");
  const error = await assertRejects(() => directory.open(), StoreError);
  assertEquals(error.kind, "locked");
  assertMatch(error.message, new RegExp(`process ${child.pid} has it open`));
  child.kill("SIGKILL");
  await child.status;
  await reader.cancel();
  await using _store = await directory.open();
});

Deno.test("reader sees the queue while it is written to, and when nobody writes", async () => {
  await using directory = await stateDirectory();
  const bodies = [octets(100, 1), octets(300_000, 2)];
  const ids: string[] = [];
  {
    await using store = await directory.open();
    await using reader = openSqliteReader({ directory: directory.path });
    for (const bytes of bodies) {
      ids.push((await put(store, {}, bytes)).id);
      assertEquals(await idsOf(reader), ids);
    }
    assertEquals(await reader.show(ids[0]), await store.show(ids[0]));
    assertEquals(await reader.stats(), await store.stats());
  }
  await using reader = openSqliteReader({ directory: directory.path });
  assertEquals(await idsOf(reader), ids);
  assertEquals(await readAll(reader, ids[0]), bodies[0]);
  assertEquals((await readAll(reader, ids[1])).length, 300_000);
  assertEquals(await reader.find(ids[0], 9), [ids[0]]);
  await assertRejects(() => readAll(reader, "unknown"), StoreError, "Cannot read message unknown");
});

Deno.test("reader says so where there is no queue", async () => {
  await using directory = await stateDirectory();
  const error = assertThrows(() => openSqliteReader({ directory: directory.path }), StoreError);
  assertEquals(error.kind, "missing");
  Deno.writeFileSync(`${directory.path}/queue.db`, new Uint8Array());
  const empty = assertThrows(() => openSqliteReader({ directory: directory.path }), StoreError);
  assertEquals(empty.kind, "missing");
});

Deno.test("store refuses a schema that it does not know and leaves it as it is", async () => {
  await using directory = await stateDirectory();
  {
    await using store = await directory.open();
    await put(store);
  }
  const database = new DatabaseSync(`${directory.path}/queue.db`);
  const { user_version: version } = database.prepare("PRAGMA user_version").get()!;
  database.exec("PRAGMA user_version = 999");
  database.close();
  const error = await assertRejects(() => directory.open(), StoreError, "999");
  assertEquals(error.kind, "newer");
  assertThrows(() => openSqliteReader({ directory: directory.path }), StoreError, "999");
  const again = new DatabaseSync(`${directory.path}/queue.db`);
  again.exec(`PRAGMA user_version = ${version}`);
  again.close();
  await using store = await directory.open();
  assertEquals((await store.stats()).messages, 1);
});

Deno.test("store brings a database of the first version up to date and keeps what is in it", async () => {
  await using directory = await stateDirectory();
  const entries: NewEntry[] = [];
  {
    await using store = await directory.open();
    entries.push(await put(store), await put(store, {}, octets(300_000)));
  }
  const database = new DatabaseSync(`${directory.path}/queue.db`);
  database.exec("ALTER TABLE recipient DROP COLUMN rewritten_from; PRAGMA user_version = 1");
  database.close();
  const reader = { directory: directory.path };
  assertThrows(() => openSqliteReader(reader), StoreError, "start the server once");
  await using store = await directory.open();
  for (const { id, recipients } of entries) {
    const shown = await store.show(id);
    assertEquals(shown?.recipients.map(({ mailbox }) => mailbox), [recipients[0].mailbox]);
  }
  const rewritten = recipient("a@a.test", { rewrittenFrom: "b@a.test" });
  const { id } = await put(store, { recipients: [rewritten] });
  assertEquals((await store.show(id))?.recipients[0].rewrittenFrom, "b@a.test");
});

Deno.test("store refuses a file that is no database, or another program's, and leaves it", async () => {
  await using directory = await stateDirectory();
  const file = `${directory.path}/queue.db`;
  Deno.writeTextFileSync(file, "This is not a database. ".repeat(100));
  const error = await assertRejects(() => directory.open(), StoreError, "queue.db");
  assertEquals(error.kind, "damaged");
  assertMatch(error.message, /^Cannot open .*not a database; mend it/);
  assert(Deno.readTextFileSync(file).startsWith("This is not"));
  Deno.removeSync(file);
  const database = new DatabaseSync(file);
  database.exec("CREATE TABLE t (a); PRAGMA user_version = 1");
  database.close();
  await assertRejects(() => directory.open(), StoreError, "some other database");
});

Deno.test("store says so where its directory cannot be made", async () => {
  await using directory = await stateDirectory();
  const file = `${directory.path}/file`;
  Deno.writeTextFileSync(file, "");
  await assertRejects(
    () => directory.open({ directory: `${file}/queue` }),
    StoreError,
    "Cannot make",
  );
});
