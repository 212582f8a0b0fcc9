import { assert, assertEquals } from "@std/assert";
import { senderTurn, TURNS } from "../../lib/queue/sender_turn.ts";

Deno.test("senders have turns of their own, as far as there are some, and always the same", () => {
  const counts = new Array<number>(TURNS).fill(0);
  for (let i = 0; i < 3_200; i++) {
    const turn = senderTurn({ localPart: `user${i}`, domain: `d${i % 7}.test` });
    assert(Number.isInteger(turn) && turn >= 0 && turn < TURNS);
    counts[turn]++;
  }
  assert(counts.every((count) => count > 50 && count < 200), counts.join());
  assertEquals(
    senderTurn({ localPart: "Joe", domain: "A.test" }),
    senderTurn({ localPart: "joe", domain: "a.test" }),
  );
  assert(senderTurn(null) < TURNS);
});
