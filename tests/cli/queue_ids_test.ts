import { assertEquals, assertMatch } from "@std/assert";
import { put, recipient } from "../queue/fixture.ts";
import { testQueue } from "./queue_fixture.ts";
import { call } from "./surroundings.ts";

Deno.test("queue ids tells which ids begin so, and of what message each is", async () => {
  await using queue = await testQueue(false);
  const [one, two] = await queue.withStore(async (store) => [
    await put(store, { recipients: [recipient("a@one.example"), recipient("b@two.example")] }),
    await put(store, {
      mail: { reversePath: null, smtpUtf8: false },
      recipients: [recipient('$(x)\u001b[2J"\u202e@one.example')],
    }),
  ]);
  const lines = [
    `${one.id}\t<sender@example.org> to a@one.example and 1 other`,
    `${two.id}\t<> to "$(x)\\x1b[2J\\"\\u202e"@one.example`,
  ];
  const whole = (lines: string[]) => ({
    code: 0,
    out: lines.map((l) => `${l}\n`).join(""),
    err: "",
  });
  assertEquals(await queue.queue("ids"), whole(lines));
  assertEquals(await queue.queue("ids", two.id), whole([lines[1]]));
  assertEquals(await call(["queue", "ids", "--queue", queue.path, "--", "--x"]), whole([]));
  assertEquals(await queue.queue("ids", "$(x)"), whole([]));
});

Deno.test("queue ids tells of 200 messages at most", async () => {
  await using queue = await testQueue(false);
  await queue.withStore(async (store) => {
    for (let i = 0; i < 201; i++) {
      await put(store, { recipients: [recipient(`${"long".repeat(15)}@one.example`)] });
    }
  });
  const { out } = await queue.queue("ids");
  const lines = out.trimEnd().split("\n");
  assertEquals(lines.length, 200);
  for (const line of lines) assertMatch(line, /^[0-9a-z]{16}\t.{1,60}$/);
});

Deno.test("queue ids has nothing to tell where there is no queue", async () => {
  const nothing = { code: 0, out: "", err: "" };
  assertEquals(await call(["queue", "ids", "--queue", "/nonexistent/queue"]), nothing);
});
