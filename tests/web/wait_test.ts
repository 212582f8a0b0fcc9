import { assertEquals } from "@std/assert";
import { NOON } from "./fake_inbox.ts";
import { ask, ID, OTHER, start } from "./fixture.ts";

Deno.test("message that comes is answered", async () => {
  await using world = start([]);
  const { inbox } = world;
  inbox.onWait = () => {
    inbox.arrive({ id: OTHER, to: "eve@example.org" });
    inbox.arrive({ id: ID, content: { codes: ["123456"] } });
  };
  const { status, json } = await ask(world, "/api/wait?to=joe@example.org");
  assertEquals(status, 200);
  assertEquals([json.id, json.codes], [ID, ["123456"]]);
  assertEquals(inbox.searches, [{ to: "joe@example.org" }]);
});

Deno.test("message that was there is answered where it is asked for", async () => {
  await using world = start([{ id: ID }]);
  const { json } = await ask(world, "/api/wait?since=10m&timeout=0");
  assertEquals(json.id, ID);
  assertEquals(world.inbox.searches, [{ since: NOON - 600_000 }]);
});

Deno.test("wait that ends without the message says what came instead", async () => {
  await using world = start([]);
  const { inbox, clock } = world;
  inbox.onWait = () => {
    inbox.arrive({ id: OTHER, subject: 'A "B"', to: "eve@example.org" });
    clock.advance(10_000);
  };
  const { status, json } = await ask(world, "/api/wait?to=joe@example.org&subject=code");
  assertEquals(status, 408);
  assertEquals(json.error, {
    code: "timeout",
    message: 'no message to joe@example.org with "code" in its subject within 10s; ' +
      '1 arrived meanwhile: "A \\"B\\"" to eve@example.org',
  });
  assertEquals(json.arrived.map(({ id }: { id: string }) => id), [OTHER]);
});

Deno.test("wait that ends without any message says so", async () => {
  await using world = start([]);
  world.inbox.onWait = () => world.clock.advance(2000);
  const waited = await ask(world, "/api/wait?from=&text=x&timeout=2s");
  assertEquals(
    waited.json.error.message,
    'no message from <> with "x" in its text within 2s; nothing arrived meanwhile',
  );
  world.inbox.onWait = () => world.clock.advance(0);
  const looked = await ask(world, "/api/wait?timeout=0");
  assertEquals(looked.json.error.message, "no message by now; nothing arrived meanwhile");
});

Deno.test("many that came instead are told in part", async () => {
  await using world = start([]);
  world.inbox.onWait = () => {
    for (let i = 0; i < 7; i++) world.inbox.arrive({ id: `000000000000001${i}`, subject: `${i}` });
    world.clock.advance(10_000);
  };
  const { json } = await ask(world, "/api/wait?to=a@b");
  const five = [6, 5, 4, 3, 2].map((i) => `"${i}" to joe@example.org`).join(", ");
  assertEquals(
    json.error.message,
    `no message to a@b within 10s; 7 arrived meanwhile: ${five}, ...`,
  );
});

Deno.test("client that leaves ends its wait", async () => {
  await using world = start([]);
  const left = Promise.withResolvers<void>();
  const waiting = Promise.withResolvers<void>();
  world.inbox.onWait = waiting.resolve;
  world.inbox.onLeave = left.resolve;
  const { address, port } = world.server.address;
  const connection = await Deno.connect({ hostname: address, port });
  const request = `GET /api/wait?timeout=5m HTTP/1.1\r\nHost: localhost:${port}\r\n\r\n`;
  await connection.write(new TextEncoder().encode(request));
  await waiting.promise;
  connection.close();
  await left.promise;
});

Deno.test("server that stops ends waits with 503", async () => {
  await using world = start([]);
  let drained: Promise<void> | undefined;
  world.inbox.onWait = () => {
    drained = world.server.drain(1000);
  };
  const { status, json } = await ask(world, "/api/wait");
  assertEquals([status, json.error.code], [503, "unavailable"]);
  while (world.clock.waiting < 2) await new Promise((resolve) => setTimeout(resolve));
  await world.clock.advance(200);
  await drained;
});

Deno.test("wait takes no parameter that it does not have", async () => {
  await using world = start([]);
  for (const query of ["state=held", "limit=1", "timeout=6m", "seen=true"]) {
    assertEquals((await ask(world, `/api/wait?${query}`)).status, 400, query);
  }
});
