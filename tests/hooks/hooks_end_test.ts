/** What becomes of sessions when the process of their hooks ends, or has to be ended. */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { HooksError } from "../../lib/hooks/hooks_error.ts";
import { FakeClock } from "../net/fake_clock.ts";
import { FORGERY, openHooks, type Written } from "./hooks_fixture.ts";

const UNAVAILABLE = /^451 4\.3\.0 /;

/** A module that answers, and does what a test wants at the recipient `now`. */
function moduleOf(harm: string): string {
  return `${FORGERY}
    const wait = () => new Promise(() => {});
    export async function rcpt(_session, { forwardPath }) {
      if (forwardPath.localPart === "waits") await wait();
      if (forwardPath.localPart === "now") { ${harm} }
      if (forwardPath.localPart === "nobody") return { code: 550, text: "No" };
    }
    export async function data(_session, { content }) {
      for await (const _ of content) if (false) break;
    }`;
}

async function assertServed(written: Written): Promise<void> {
  assertEquals(await written.rcpt("nobody"), "550 No");
  assertEquals(await written.rcpt("joe"), "ok");
}

Deno.test("whatever hooks say out of turn ends them, and the next question is answered", async (t) => {
  const table: [harm: string, reason: RegExp][] = [
    ["post({ kind: 'answer', id: 1000 }); await wait();", /answered what they were not asked/],
    ["post({ kind: 'answer', id: 2 }, { kind: 'answer', id: 2 }); await wait();", /or twice/],
    ["post({ kind: 'answer', id: 2 });", /or twice/],
    ["post({ kind: 'failure', id: -1, error: '' }); await wait();", /were not asked/],
    ["post({ kind: 'answer', id: 'x' }); await wait();", /makes no sense/],
    ["post({ kind: 'wants', id: 2 }); await wait();", /a message that they were not given/],
    ["post({ kind: 'unusable', reason: 'of a whim' }); await wait();", /^of a whim$/],
    ["line('[not JSON'); await wait();", /makes no sense/],
    ["line('{}'); await wait();", /makes no sense/],
    ["line('[1]'); await wait();", /makes no sense/],
    ["write('x' + mark + ' []\\n'); await wait();", /broke what their process says/],
    ["postMessage('gone'); await wait();", /their process ended \(exit code 0\)/],
    ["line('x'.repeat(2e6)); await wait();", /printed too much/],
    ["Deno.stdin.close(); await wait();", /nobody caught|took longer|process ended/],
    ["post({ kind: 'used', time: '1' }); await wait();", /makes no sense/],
    ["for (;;) post({ kind: 'print', text: 'x'.repeat(9_000) });", /printed too much/],
    ["Deno.stdout.writeSync(new Uint8Array(2e6)); await wait();", /printed too much/],
    ["for (;;) Deno.stderr.writeSync(new TextEncoder().encode('x\\n'));", /printed too much/],
    ["setTimeout(() => { throw new Error('stray'); }); await wait();", /nobody caught/],
    ["Promise.reject(new Error('stray')); await wait();", /nobody caught/],
    ["Deno.kill(Deno.pid, 'SIGKILL'); await wait();", /their process ended \(SIGKILL\)/],
    ["const all = []; for (;;) all.push(new Uint8Array(1e6).fill(1));", /more memory/],
  ];
  for (const [harm, reason] of table) {
    await t.step(harm, async () => {
      await using written = await openHooks(moduleOf(harm));
      const ended = written.next("hooks-ended");
      const [waits, now] = [written.rcpt("waits"), written.rcpt("now")];
      assertMatch(await waits, UNAVAILABLE);
      // What a hook says of its own question is its answer, whichever way it says it.
      assertMatch(await now, /^(?:451 4\.3\.0 .*|ok)$/);
      assertMatch(String((await ended).reason), reason);
      await assertServed(written);
    });
  }
});

Deno.test("a hook that takes too long ends them, and every session that waits gets 451", async () => {
  const harms = [
    "for (;;);",
    "await wait();",
    "const again = () => queueMicrotask(again); again(); await wait();",
    "self.close(); await wait();",
    "Deno.exit(0);",
    "process.exit(0);",
    "Deno.stdin.readSync(new Uint8Array(1000)); await wait();",
  ];
  for (const harm of harms) {
    const clock = new FakeClock();
    await using written = await openHooks(moduleOf(harm), { clock, timeout: 10_000 });
    const ended = written.next("hooks-ended");
    const waiting = ["waits", "now"].map((localPart) => written.rcpt(localPart));
    await clock.advance(9_999);
    assertEquals(written.logged.length, 1, harm);
    await clock.advance(1);
    assertEquals((await ended).reason, "rcpt took longer than 10000 ms", harm);
    for (const answer of waiting) assertMatch(await answer, UNAVAILABLE, harm);
    await assertServed(written);
  }
});

Deno.test("hooks that work on although nobody asks them anything are ended", async () => {
  await using written = await openHooks(moduleOf("setTimeout(() => { for (;;); })"), {
    timeout: 300,
  });
  const ended = written.next("hooks-ended");
  assertEquals(await written.rcpt("now"), "ok");
  assertEquals((await ended).reason, "they worked on while nobody asked them anything");
  await assertServed(written);
});

Deno.test("hooks that end again and again are started after pauses that grow", async () => {
  const clock = new FakeClock();
  await using written = await openHooks(moduleOf("Deno.kill(Deno.pid, 'SIGKILL');"), { clock });
  async function end(): Promise<unknown> {
    const ended = written.next("hooks-ended");
    assertMatch(await written.rcpt("now"), UNAVAILABLE);
    return (await ended).again;
  }
  assertEquals(await end(), 0);
  await assertServed(written);
  for (const pause of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
    assertEquals(await end(), pause);
    assertMatch(await written.rcpt("joe"), UNAVAILABLE);
    await clock.advance(pause - 1);
    assertMatch(await written.rcpt("joe"), UNAVAILABLE);
    const loaded = written.next("hooks-loaded");
    await clock.advance(1);
    await loaded;
    await assertServed(written);
  }
  await clock.advance(60_000);
  assertEquals(await end(), 0);
});

Deno.test("a module that has gone bad is tried again, and lets nobody pass meanwhile", async () => {
  const clock = new FakeClock();
  const good = moduleOf("Deno.kill(Deno.pid, 'SIGKILL');");
  await using written = await openHooks(good, { clock });
  await written.write("not JavaScript");
  const bad = written.next("hooks-bad");
  assertMatch(await written.rcpt("now"), UNAVAILABLE);
  await bad;
  for (const localPart of ["nobody", "joe"]) {
    assertMatch(await written.rcpt(localPart), UNAVAILABLE);
  }
  const again = written.next("hooks-bad");
  await clock.advance(1_000);
  await again;
  await written.write(good);
  // Whoever has mended it need not wait for the next pause.
  await written.file.reload();
  await assertServed(written);
});

Deno.test("a module that is not loaded in time is given up", async () => {
  const clock = new FakeClock();
  const opened = openHooks("for (;;);", { clock });
  const refused = assertRejects(() => opened, HooksError, "they were not loaded in 30 s");
  await clock.advance(30_000);
  await refused;
});

Deno.test("one question too many gets 451, and the others go on waiting", async () => {
  const clock = new FakeClock();
  await using written = await openHooks(moduleOf(""), { clock });
  const waiting = Array.from({ length: 10_000 }, () => written.rcpt("waits"));
  assertMatch(await written.rcpt("joe"), UNAVAILABLE);
  assertEquals(written.logged.map(({ event }) => event), ["hooks-loaded"]);
  const ended = written.next("hooks-ended");
  await clock.advance(60_000);
  assert(Number((await ended).waiting) <= 10_000);
  for (const answer of waiting) assertMatch(await answer, UNAVAILABLE);
  await assertServed(written);
});

Deno.test("large header sections wait until hooks have room for them", async () => {
  await using written = await openHooks(`
    let open = 0;
    export async function data() {
      open++;
      await new Promise((resolve) => setTimeout(resolve));
      const text = String(open--);
      return { code: 550, text };
    }
  `);
  const header = [{ name: "Subject", value: "x".repeat(256 * 1024) }];
  const asked = Array.from({ length: 30 }, () => written.data(ReadableStream.from([]), header));
  for (const answer of await Promise.all(asked)) {
    const [, open] = answer.split(" ");
    assert(Number(open) <= 8, answer);
  }
});

Deno.test("the time that a hook waits for the client does not count", async () => {
  const clock = new FakeClock();
  await using written = await openHooks(moduleOf(""), { clock, timeout: 10_000 });
  const client = Promise.withResolvers<Uint8Array>();
  const wanted = Promise.withResolvers<void>();
  async function* content() {
    wanted.resolve();
    yield await client.promise;
  }
  const answer = written.data(content());
  await wanted.promise;
  await clock.advance(3_600_000);
  client.resolve(new Uint8Array(10));
  assertEquals(await answer, "ok");
});

Deno.test("hooks that are closed while they are loaded leave nothing behind", async () => {
  const clock = new FakeClock();
  const written = await openHooks(moduleOf("Deno.kill(Deno.pid, 'SIGKILL');"), { clock });
  await written.write("for (;;);");
  const ended = written.next("hooks-ended");
  assertMatch(await written.rcpt("now"), UNAVAILABLE);
  await ended;
  const reloaded = written.file.reload();
  await written[Symbol.asyncDispose]();
  await reloaded;
  assertEquals(written.logged.map(({ event }) => event), ["hooks-loaded", "hooks-ended"]);
});
