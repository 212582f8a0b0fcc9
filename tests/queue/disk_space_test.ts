import { assert, assertEquals } from "@std/assert";
import { freeOctets } from "../../lib/queue/disk_space.ts";
import { stateDirectory } from "./state_directory.ts";

Deno.test("a directory has the room of its disk, and one that is not there has none", async () => {
  await using directory = await stateDirectory();
  assert(freeOctets(directory.path) > 0);
  assertEquals(freeOctets(`${directory.path}/missing`), 0);
});

Deno.test("store whose directory is gone takes nothing, and throws at nobody who asks", async () => {
  await using directory = await stateDirectory();
  await using store = await directory.open();
  assert(store.hasRoom());
  const elsewhere = `${directory.path}-moved`;
  await Deno.rename(directory.path, elsewhere);
  try {
    // The answer is good for a fifth of a second.
    for (const end = performance.now() + 2_000; store.hasRoom() && performance.now() < end;) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assertEquals(store.hasRoom(), false);
  } finally {
    await Deno.rename(elsewhere, directory.path);
  }
});
