import { assert, assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { openIndex } from "../../lib/inbox/index_client.ts";
import type { MessageIndex } from "../../lib/inbox/message_index.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import { temporaryDirectory } from "../e2e/smtpd.ts";
import { indexContract } from "./index_contract.ts";
import { findAll, idsOf, message } from "./index_messages.ts";

indexContract("index in a file", async () => {
  const place = temporaryDirectory();
  return { index: await openIndex({ directory: place.path }), place };
});

/** A state directory, and what opening its index has logged. */
function indexDirectory() {
  const directory = temporaryDirectory();
  const logged: string[] = [];
  return {
    logged,
    file: `${directory.path}/inbox.db`,
    open: (): Promise<MessageIndex> =>
      openIndex({
        directory: directory.path,
        log: (level, event, fields) => void logged.push(`${level} ${event} ${fields.reason}`),
      }),
    /** Makes an index with one message and closes it. */
    async fill(): Promise<void> {
      await using index = await this.open();
      await index.put([message("a", { text: "Hello ".repeat(5000) })]);
    },
    [Symbol.dispose]: () => directory[Symbol.dispose](),
  };
}

Deno.test("index in a file is for its owner alone, with what is beside it", async () => {
  using at = indexDirectory();
  await using index = await at.open();
  await index.put([message("a")]);
  for (const suffix of ["", "-wal", "-shm"]) {
    assertEquals(Deno.statSync(`${at.file}${suffix}`).mode! & 0o777, 0o600, suffix);
  }
});

Deno.test("index in a file knows at the next start what it knew, and what was seen", async () => {
  using at = indexDirectory();
  let before: unknown;
  {
    await using index = await at.open();
    await index.put([message("a"), message("b", { state: "failed" }), message("c")]);
    await index.setSeen(["b"], true);
    before = [await findAll(index, {}), await index.counts()];
  }
  await using index = await at.open();
  assertEquals([await findAll(index, {}), await index.counts()], before);
  assertEquals(await idsOf(index, { text: "hello", seen: true }), ["b"]);
  assertEquals(at.logged, []);
});

Deno.test("index in a file is made anew where it is damaged, and says so", async () => {
  const table: [name: string, damage: (file: string) => void][] = [
    ["garbage", (file) => Deno.writeFileSync(file, new Uint8Array(20_000).fill(0x5a))],
    ["a text", (file) => Deno.writeTextFileSync(file, "This is no database.")],
    ["half of it", (file) => Deno.truncateSync(file, Deno.statSync(file).size / 2)],
    ["the first page alone", (file) => Deno.truncateSync(file, 4096)],
    ["garbage behind the first page", (file) => {
      const octets = Deno.readFileSync(file);
      Deno.writeFileSync(file, octets.fill(0x5a, 4096));
    }],
    ["garbage with a log beside it", (file) => {
      Deno.writeFileSync(file, new Uint8Array(20_000).fill(0x5a));
      Deno.writeTextFileSync(`${file}-wal`, "no log");
      Deno.writeTextFileSync(`${file}-shm`, "no index of a log");
    }],
    ["tables of another version", (file) => {
      using database = new DatabaseSync(file);
      database.exec("PRAGMA user_version = -1");
    }],
  ];
  for (const [name, damage] of table) {
    using at = indexDirectory();
    await at.fill();
    damage(at.file);
    await using index = await at.open();
    assertEquals(at.logged.length, 1, name);
    assert(at.logged[0].startsWith("warn index-renewed "), at.logged[0]);
    assertEquals(await idsOf(index, {}), [], name);
    await index.put([message("b")]);
    assertEquals(await idsOf(index, { text: "hello" }), ["b"], name);
    assertEquals(Deno.statSync(at.file).mode! & 0o777, 0o600, name);
  }
});

Deno.test("index in a file begins where an empty file is, as a crash may leave it", async () => {
  using at = indexDirectory();
  Deno.writeFileSync(at.file, new Uint8Array());
  await using index = await at.open();
  await index.put([message("a")]);
  assertEquals(await idsOf(index, {}), ["a"]);
  assertEquals(at.logged, []);
});

Deno.test("index in a file refuses one that a later program wrote, and leaves it as it is", async () => {
  using at = indexDirectory();
  await at.fill();
  const setVersion = (version: number) => {
    using database = new DatabaseSync(at.file);
    database.exec(`PRAGMA user_version = ${version}`);
  };
  setVersion(99);
  const error = await assertRejects(() => at.open(), StoreError, "version 99");
  assertEquals(error.kind, "newer");
  assert(error.message.startsWith(`Cannot open the index ${at.file}: `), error.message);
  setVersion(1);
  await using index = await at.open();
  assertEquals(await idsOf(index, {}), ["a"]);
  assertEquals(at.logged, []);
});

Deno.test("index in a file says what it cannot open, and leaves another program's database", async () => {
  const table: [name: string, make: (file: string) => void][] = [
    ["a directory", (file) => Deno.mkdirSync(file)],
    ["another program's database", (file) => {
      using database = new DatabaseSync(file);
      database.exec("CREATE TABLE theirs (a); PRAGMA user_version = 1");
    }],
    ["another program's database without a version", (file) => {
      using database = new DatabaseSync(file);
      database.exec("CREATE TABLE message (a)");
    }],
  ];
  for (const [name, make] of table) {
    using at = indexDirectory();
    make(at.file);
    const error = await assertRejects(() => at.open(), StoreError, "Cannot open the index", name);
    assertEquals(error.kind, "failed", name);
    if (name === "a directory") continue;
    using database = new DatabaseSync(at.file);
    const tables = database.prepare("SELECT count(*) AS count FROM sqlite_schema").get();
    assertEquals({ ...tables }, { count: 1 }, name);
  }
  const missing = () => openIndex({ directory: "/nonexistent/directory" });
  await assertRejects(missing, StoreError, "Cannot open the index");
});

Deno.test("index in a file answers calls in their order, those before its end as well", async () => {
  using at = indexDirectory();
  const index = await at.open();
  const calls = [
    index.put([message("a")]),
    index.setSeen(["a"], true),
    index.counts().then(({ total }) => total),
    index.search({}, { limit: 0 }).catch((error) => error.name),
    index.remove(["a"]),
    index.counts().then(({ total }) => total),
  ];
  await index[Symbol.asyncDispose]();
  assertEquals(await Promise.all(calls), [undefined, 1, 1, "RangeError", undefined, 0]);
});

Deno.test("index in a file rejects all calls once its worker has ended by itself", async () => {
  using at = indexDirectory();
  const { Worker } = globalThis;
  let worker: Worker | undefined;
  globalThis.Worker = class extends Worker {
    constructor(...parameters: ConstructorParameters<typeof Worker>) {
      super(...parameters);
      worker = this;
    }
  };
  let index: MessageIndex;
  try {
    index = await at.open();
  } finally {
    globalThis.Worker = Worker;
  }
  await using _ = index;
  // It knows no such message, which is a bug in it as any other would be.
  worker!.postMessage(0);
  const waiting = [index.put([message("a")]), index.counts()];
  for (const call of waiting) {
    const error = await assertRejects(() => call, StoreError, "its worker ended");
    assertEquals(error.kind, "closed");
  }
  await assertRejects(() => index.search({}, { limit: 1 }), StoreError, "its worker ended");
});
