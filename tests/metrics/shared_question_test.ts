import { assertEquals, assertRejects } from "@std/assert";
import { sharedQuestion } from "../../lib/metrics/shared_question.ts";
import { FakeClock } from "../net/fake_clock.ts";

Deno.test("an answer is shared by those who ask before it comes, and asked for anew behind it", async () => {
  const answers = [Promise.withResolvers<number>(), Promise.withResolvers<number>()];
  let asked = 0;
  const ask = sharedQuestion(() => answers[asked++].promise, new FakeClock());
  const both = Promise.all([ask(), ask()]);
  answers[0].resolve(1);
  assertEquals([await both, asked], [[1, 1], 1]);
  const third = ask();
  answers[1].resolve(2);
  assertEquals([await third, asked], [2, 2]);
});

Deno.test("nobody waits for longer than five seconds, nor at all behind these", async () => {
  const clock = new FakeClock();
  const answer = Promise.withResolvers<number>();
  const ask = sharedQuestion(() => answer.promise, clock);
  const first = ask();
  await clock.advance(3_000);
  const second = ask();
  await clock.advance(2_000);
  assertEquals(await Promise.all([first, second, ask()]), [undefined, undefined, undefined]);
  assertEquals(clock.waiting, 0);
  answer.resolve(1);
  await answer.promise;
  assertEquals(await ask(), 1);
});

Deno.test("what goes wrong is told to all, and asked for again", async () => {
  let asked = 0;
  const ask = sharedQuestion(
    () => asked++ === 0 ? Promise.reject(new Error("gone")) : Promise.resolve(1),
    new FakeClock(),
  );
  const both = [ask(), ask()];
  for (const one of both) await assertRejects(() => one, Error, "gone");
  assertEquals(await ask(), 1);
});
