import { assertEquals, assertRejects } from "@std/assert";
import { EventStreams } from "../../lib/web/events.ts";
import { FakeClock } from "../net/fake_clock.ts";
import { FakeInbox } from "./fake_inbox.ts";
import { ask, ID, start, type World } from "./fixture.ts";

/** A stream of events that is read one by one. */
async function open({ server }: World) {
  const answer = await fetch(new URL("/api/events", server.url));
  assertEquals(answer.headers.get("content-type"), "text/event-stream");
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  async function next(): Promise<string | undefined> {
    for (;;) {
      const end = text.indexOf("\n\n");
      if (end >= 0) {
        const event = text.slice(0, end);
        text = text.slice(end + 2);
        return event;
      }
      const { done, value } = await reader.read();
      if (done) return undefined;
      text += value;
    }
  }
  assertEquals(await next(), "retry: 2000");
  return { next, cancel: () => reader.cancel() };
}

Deno.test("what happens is told as events", async () => {
  await using world = start([]);
  const stream = await open(world);
  world.inbox.arrive({ id: ID, subject: "a\nevent: gone\n\nb" });
  const arrived = /^event: arrived\ndata: (.*)$/.exec((await stream.next())!)!;
  const { json } = await ask(world, "/api/messages");
  assertEquals(JSON.parse(arrived[1]), json.messages[0]);
  world.inbox.tell({ type: "changed", ids: [ID] });
  assertEquals(await stream.next(), `event: changed\ndata: {"ids":["${ID}"]}`);
  world.inbox.tell({ type: "gone", ids: [ID] });
  assertEquals(await stream.next(), `event: gone\ndata: {"ids":["${ID}"]}`);
  await stream.cancel();
});

Deno.test("stream that is quiet shows every 15 s that it is alive", async () => {
  await using world = start([]);
  const stream = await open(world);
  for (let beat = 0; beat < 3; beat++) {
    await world.clock.advance(15_000);
    assertEquals(await stream.next(), ":");
  }
  await stream.cancel();
});

Deno.test("server that stops ends its streams", async () => {
  await using world = start([]);
  const stream = await open(world);
  const drained = world.server.drain(1000);
  assertEquals(await stream.next(), undefined);
  while (world.clock.waiting < 2) await new Promise((resolve) => setTimeout(resolve));
  await world.clock.advance(200);
  await drained;
  assertEquals([world.inbox.watchers, world.clock.waiting], [0, 0]);
});

Deno.test("many ids are told in several events", async () => {
  const clock = new FakeClock();
  const inbox = new FakeInbox(clock);
  using streams = new EventStreams(inbox, clock);
  const reader = streams.open().pipeThrough(new TextDecoderStream()).getReader();
  await reader.read();
  inbox.tell({ type: "gone", ids: Array.from({ length: 2500 }, (_, i) => `${i}`) });
  const counts: number[] = [];
  for (let i = 0; i < 3; i++) {
    const { value } = await reader.read();
    counts.push(JSON.parse(value!.split("data: ")[1]).ids.length);
  }
  assertEquals(counts, [1000, 1000, 500]);
});

Deno.test("reader that is too far behind is cut off, and the others are not", async () => {
  const clock = new FakeClock();
  const inbox = new FakeInbox(clock);
  using streams = new EventStreams(inbox, clock);
  const slow = streams.open();
  const quick = streams.open().getReader();
  await quick.read();
  const ids = [ID.repeat(4000)];
  let told = 0;
  for (; told * ids[0].length < 2 ** 21; told++) {
    inbox.tell({ type: "changed", ids });
    await quick.read();
  }
  await assertRejects(() => slow.getReader().read(), Error, "too far behind");
  assertEquals(inbox.watchers, 1);
  await quick.cancel();
  assertEquals([inbox.watchers, clock.waiting], [0, 0]);
});

Deno.test("a hundred streams are open at most", async () => {
  await using world = start([]);
  const streams = await Promise.all(Array.from({ length: 100 }, () => open(world)));
  assertEquals((await ask(world, "/api/events")).status, 503);
  assertEquals((await ask(world, "/api/counts")).status, 200);
  await Promise.all(streams.map((stream) => stream.cancel()));
});
