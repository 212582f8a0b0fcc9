import { assertEquals, assertRejects } from "@std/assert";
import { memoryPair } from "../../lib/net/memory_transport.ts";
import { octets, text } from "../smtp/wire.ts";
import { Client } from "./client.ts";
import { settle } from "./fake_clock.ts";

async function isSettled(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(() => settled = true, () => settled = true);
  await settle();
  return settled;
}

Deno.test("each end of a pair reads what the other writes, in order", async () => {
  const [a, b] = memoryPair();
  await a.write(octets("one"));
  await a.write(octets("two"));
  await b.write(octets("back"));
  assertEquals(await new Client(b).octets(6), "onetwo");
  assertEquals(await new Client(a).octets(4), "back");
});

Deno.test("a pair shows each end the address of the other", () => {
  const first = { address: "192.0.2.1", port: 1 };
  const second = { address: "2001:db8::2", port: 25 };
  const [a, b] = memoryPair({ first, second });
  assertEquals([a.local, a.remote], [first, second]);
  assertEquals([b.local, b.remote], [second, first]);
});

Deno.test("a write takes a copy, so that its octets may change once it has settled", async () => {
  const [a, b] = memoryPair();
  const bytes = octets("before");
  await a.write(bytes);
  bytes.set(octets("after!"));
  assertEquals(await new Client(b).octets(6), "before");
});

Deno.test("a read takes no more than its buffer holds and leaves the rest", async () => {
  const [a, b] = memoryPair();
  await a.write(octets("abcde"));
  const buffer = new Uint8Array(2);
  const parts: string[] = [];
  for (let i = 0; i < 3; i++) parts.push(text(buffer.subarray(0, (await b.read(buffer))!)));
  assertEquals(parts, ["ab", "cd", "e"]);
});

Deno.test("a write waits while the other end does not read", async () => {
  const [a, b] = memoryPair({ capacity: 4 });
  const writing = a.write(octets("123456789"));
  assertEquals(await isSettled(writing), false);
  const client = new Client(b);
  assertEquals(await client.octets(4), "1234");
  assertEquals(await isSettled(writing), false);
  assertEquals(await client.octets(5), "56789");
  await writing;
});

Deno.test("half a close ends the other end's input behind what was written", async () => {
  const [a, b] = memoryPair();
  await a.write(octets("last words"));
  await a.closeWrite();
  assertEquals(await new Client(b).rest(), "last words");
  await b.write(octets("still heard"));
  assertEquals(await new Client(a).octets(11), "still heard");
  await assertRejects(() => a.write(octets("x")), Deno.errors.BrokenPipe, "Cannot write");
});

Deno.test("a close wakes both ends' reads", async () => {
  const [a, b] = memoryPair();
  const own = a.read(new Uint8Array(1));
  const other = b.read(new Uint8Array(1));
  a.close();
  await assertRejects(() => own, Deno.errors.BadResource, "Cannot read");
  assertEquals(await other, null);
});

Deno.test("a close wakes both ends' writes", async () => {
  const [a, b] = memoryPair({ capacity: 1 });
  const own = a.write(octets("ab"));
  const other = b.write(octets("cd"));
  a.close();
  await assertRejects(() => own, Deno.errors.BrokenPipe, "Cannot write");
  await assertRejects(() => other, Deno.errors.BrokenPipe, "Cannot write");
});

Deno.test("what was written before a close can still be read by the other end", async () => {
  const [a, b] = memoryPair();
  await a.write(octets("421 bye"));
  a.close();
  a.close();
  assertEquals(await new Client(b).rest(), "421 bye");
  await assertRejects(() => b.write(octets("x")), Deno.errors.BrokenPipe, "Cannot write");
});
