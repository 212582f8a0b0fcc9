import { assertEquals, assertRejects } from "@std/assert";
import { SmtpError } from "../../../lib/smtp/reply.ts";
import { turns } from "../../../lib/policy/sasl/turns.ts";

Deno.test("turns do as much at once as they may, in order, and refuse what finds no room", async () => {
  const inTurn = turns({ atOnce: 2, waiting: 3 });
  const begun: number[] = [];
  const work = Array.from({ length: 5 }, () => Promise.withResolvers<number>());
  const results = work.map(({ promise }, i) =>
    inTurn(() => {
      begun.push(i);
      return promise;
    })
  );
  assertEquals(begun, [0, 1]);
  const error = await assertRejects(() => inTurn(() => Promise.resolve(5)), SmtpError);
  assertEquals([error.reply.code, error.reply.enhanced], [454, "4.7.0"]);

  work[1].resolve(1);
  assertEquals(await results[1], 1);
  assertEquals(begun, [0, 1, 2]);
  // The place of one that fails is handed on as well.
  work[0].reject(new RangeError("no"));
  await assertRejects(() => results[0], RangeError);
  assertEquals(begun, [0, 1, 2, 3]);

  for (const i of [2, 3, 4]) work[i].resolve(i);
  assertEquals(await Promise.all(results.slice(2)), [2, 3, 4]);
  assertEquals(begun, [0, 1, 2, 3, 4]);
  assertEquals(await inTurn(() => Promise.resolve("room again")), "room again");
});

Deno.test("turns go to who does not yield, but one in four, and both have room of their own", async () => {
  const inTurn = turns({ atOnce: 1, waiting: 4 });
  const done: string[] = [];
  const held = Promise.withResolvers<void>();
  const results = [inTurn(() => held.promise)];
  const add = (name: string, yields: boolean) =>
    inTurn(() => {
      done.push(name);
      return Promise.resolve();
    }, yields);
  for (let i = 0; i < 4; i++) results.push(add(`late ${i}`, true));
  await assertRejects(() => add("one late too many", true), SmtpError);
  for (let i = 0; i < 4; i++) results.push(add(`first ${i}`, false));
  await assertRejects(() => add("one too many", false), SmtpError);
  held.resolve();
  await Promise.all(results);
  assertEquals(done, [
    ...["first 0", "first 1", "first 2", "late 0"],
    ...["first 3", "late 1", "late 2", "late 3"],
  ]);
});
