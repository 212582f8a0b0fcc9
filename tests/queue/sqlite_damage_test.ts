import { assertEquals, assertRejects } from "@std/assert";
import { DatabaseSync } from "node:sqlite";
import { openSqliteReader } from "../../lib/queue/sqlite_reader.ts";
import { StoreError } from "../../lib/queue/store_error.ts";
import { idsOf, leaseOf, octets, put, readAll } from "./fixture.ts";
import { stateDirectory } from "./state_directory.ts";

interface Damage {
  readonly name: string;
  /** The size of the body; large ones are in a file. */
  readonly size: number;
  readonly sql?: string;
  /** What is done to the file. */
  readonly file?: (path: string) => void;
  /** What comes upon it: leasing it, listing it, or reading its octets. */
  readonly found: "lease" | "list" | "read";
}

const damages: Damage[] = [
  { name: "an envelope that is no JSON", size: 10, sql: "facts = '{'", found: "lease" },
  { name: "an envelope that is another JSON", size: 10, sql: "facts = '[1]'", found: "list" },
  { name: "octets of another size", size: 10, sql: "size = 11", found: "read" },
  { name: "octets of another checksum", size: 10, sql: "crc = crc + 1", found: "read" },
  {
    name: "a file that is missing",
    size: 300_000,
    file: (path) => Deno.removeSync(path),
    found: "read",
  },
  {
    name: "a file that was cut",
    size: 300_000,
    file: (path) => Deno.truncateSync(path, 299_999),
    found: "read",
  },
  {
    name: "a file with one other octet",
    size: 300_000,
    file(path) {
      using file = Deno.openSync(path, { write: true });
      file.writeSync(new Uint8Array([~octets(1)[0]]));
    },
    found: "read",
  },
  {
    name: "a name of a file that leads elsewhere",
    size: 300_000,
    sql: "blob = '../lock'",
    found: "read",
  },
];

for (const { name, size, sql, file, found } of damages) {
  Deno.test(`store sets ${name} aside and goes on with the rest`, async () => {
    await using directory = await stateDirectory();
    const reports: string[] = [];
    let bad: string;
    let good: string;
    {
      await using store = await directory.open();
      ({ id: bad } = await put(store, {}, octets(size)));
      ({ id: good } = await put(store));
    }
    const blobs = directory.files("blobs");
    if (sql !== undefined) {
      using database = disposable(new DatabaseSync(`${directory.path}/queue.db`));
      database.exec(`UPDATE message SET ${sql} WHERE id = '${bad}'`);
      // The sweep at the start must not take the file for one that nobody names.
      if (sql.startsWith("blob")) Deno.removeSync(`${directory.path}/blobs/${blobs[0]}`);
    }
    if (file !== undefined) file(`${directory.path}/blobs/${blobs[0]}`);
    {
      await using store = await directory.open({ onDamaged: (id) => reports.push(id) });
      if (found === "lease") {
        assertEquals((await leaseOf(store)).map(({ entry }) => entry.id), [good]);
      } else if (found === "list") assertEquals(await idsOf(store), [good]);
      else {
        const error = await assertRejects(() => readAll(store, bad), StoreError, "Cannot read");
        assertEquals(error.kind, "damaged");
        assertEquals((await leaseOf(store)).map(({ entry }) => entry.id), [good]);
      }
      assertEquals(reports, [bad]);
      assertEquals(await idsOf(store), [good]);
      assertEquals(await store.show(bad), undefined);
      assertEquals((await store.stats()).messages, 1);
      assertEquals((await store.stats()).recipients.queued, 1);
      assertEquals(await store.sweep({ before: Infinity, limit: 10 }), 0);
      assertEquals((await readAll(store, good)).length, 10);
    }
    using database = disposable(new DatabaseSync(`${directory.path}/queue.db`));
    const row = database.prepare("SELECT damaged FROM message WHERE id = ?").get(bad);
    assertEquals(typeof row?.damaged, "string", "its row is still there");
    const kept = file !== undefined && !name.includes("missing") ? blobs : [];
    assertEquals(directory.files("quarantine"), kept);
    await using _again = await directory.open();
    await using reader = openSqliteReader({ directory: directory.path });
    assertEquals(await reader.setAsideCount(), 1);
    assertEquals(directory.files("quarantine"), kept);
  });
}

Deno.test("store sets a message aside whose recipient cannot be read", async () => {
  await using directory = await stateDirectory();
  const reports: string[] = [];
  await using store = await directory.open({ onDamaged: (id) => reports.push(id) });
  const { id: bad } = await put(store);
  const { id: good } = await put(store);
  using database = disposable(new DatabaseSync(`${directory.path}/queue.db`));
  database.exec("UPDATE recipient SET state = 'lost' WHERE message = 1");
  assertEquals((await leaseOf(store)).map(({ entry }) => entry.id), [good]);
  assertEquals(reports, [bad]);
  assertEquals(await leaseOf(store, { now: 1e15, until: 1e15 + 1 }).then((all) => all.length), 1);
});

Deno.test("store goes on when a message's row is missing", async () => {
  await using directory = await stateDirectory();
  const reports: string[] = [];
  await using store = await directory.open({ onDamaged: (id) => reports.push(id) });
  await put(store);
  using database = disposable(new DatabaseSync(`${directory.path}/queue.db`));
  database.exec("DELETE FROM message WHERE seq = 1");
  const { id: good } = await put(store);
  assertEquals((await leaseOf(store)).map(({ entry }) => entry.id), [good]);
  assertEquals(reports, ["#1"]);
  assertEquals(await leaseOf(store), []);
});

function disposable(database: DatabaseSync): DatabaseSync & Disposable {
  return Object.assign(database, { [Symbol.dispose]: () => database.close() });
}
