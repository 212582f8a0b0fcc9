/** A file system that is really full. */
import { assert, assertEquals } from "@std/assert";
import { openSqliteStore } from "../../lib/queue/sqlite_store.ts";
import { StoreFullError } from "../../lib/queue/store.ts";
import { idsOf, newEntry, NOON, octets, readAll } from "./fixture.ts";
import { assertInvariants } from "./invariants.ts";

/** Runs a test on a file system of four MiB. */
async function onSmallDisk(run: (directory: string) => Promise<void>): Promise<void> {
  const mount = await Deno.makeTempDir({ prefix: "smtpd_small_disk_" });
  const command = async (name: string, ...args: string[]) => {
    const { success } = await new Deno.Command(name, { args, stderr: "null" }).output();
    return success;
  };
  try {
    assert(await command("mount", "-t", "tmpfs", "-o", "size=4m", "none", mount));
    try {
      await run(`${mount}/state`);
    } finally {
      assert(await command("umount", mount));
    }
  } finally {
    await Deno.remove(mount);
  }
}

/** Only root of a real machine may mount. */
const canMount = Deno.build.os === "linux" && Deno.uid() === 0 &&
  new Deno.Command("unshare", { args: ["--mount", "true"], stderr: "null" }).outputSync().success;

const cases = [
  { name: "whose last octets are kept free", minFree: 1_000_000, isWhole: false },
  { name: "that is filled to the last octet", minFree: 0, isWhole: true },
];

for (const { name, minFree, isWhole } of cases) {
  Deno.test(`SQLite store on a disk ${name} loses nothing that it took`, {
    ignore: !canMount,
  }, async () => {
    await onSmallDisk(async (directory) => {
      const taken: string[] = [];
      let refused = 0;
      {
        await using store = await openSqliteStore({ directory, minFree });
        /** A fifth of what is offered has a file of its own. */
        const offer = async (i: number) => {
          const entry = newEntry();
          const body = store.stage();
          try {
            await body.write(octets(i % 5 === 0 ? 300_000 : 9_000 * (1 + i % 7)));
            await store.commit(entry, body);
            taken.push(entry.id);
          } catch (error) {
            assert(error instanceof StoreFullError, String(error));
            body.abort();
            refused++;
          }
        };
        for (let round = 0; round < 4; round++) {
          const { length } = taken;
          await Promise.all(Array.from({ length: 100 }, (_, i) => offer(i)));
          assert(refused > 0);
          for (const id of taken) await readAll(store, id);
          if (isWhole) continue;
          assert(taken.length > length, "it takes messages again when others have left");
          const ids = taken.splice(0, Math.ceil(taken.length / 2));
          assertEquals(await store.remove({ ids }, NOON), ids.length);
          assertEquals(await store.sweep({ before: NOON + 1, limit: 1000 }), ids.length);
          // What was known of the disk is out of date after that.
          await new Promise((resolve) => setTimeout(resolve, 250));
        }
        assertEquals(await idsOf(store), taken.toSorted());
      }
      assertInvariants(directory);
    });
  });
}
