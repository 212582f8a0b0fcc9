import { assertEquals, assertMatch } from "@std/assert";
import { newId } from "../../lib/net/id.ts";

Deno.test("ids are Atoms without vowels, and no two are the same", () => {
  const ids = new Set<string>();
  for (let i = 0; i < 20_000; i++) {
    const id = newId();
    assertMatch(id, /^[0-9b-df-hj-np-tv-xz]{10}$/);
    ids.add(id);
  }
  assertEquals(ids.size, 20_000);
});

Deno.test("every letter takes every place of an id", () => {
  const seen = Array.from({ length: 10 }, () => new Set<string>());
  for (let i = 0; i < 5000; i++) {
    for (const [place, letter] of [...newId()].entries()) seen[place].add(letter);
  }
  for (const letters of seen) assertEquals(letters.size, 30);
});
