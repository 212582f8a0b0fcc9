import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { StoreError } from "../../lib/queue/store_error.ts";
import { NEVER, newEntry, put, recipient, stage } from "../queue/fixture.ts";
import { testQueue } from "./queue_fixture.ts";
import { run } from "../../lib/cli/run.ts";
import { OutputClosed } from "../../lib/cli/surroundings.ts";
import { queueFailure } from "../../lib/cli/open_queue.ts";
import { failureOf } from "../../lib/cli/failure.ts";
import { call, testSystem } from "./surroundings.ts";

/** Everything that commands do is the same with a server and without. */
function both(name: string, run: (hasServer: boolean) => Promise<void>): void {
  Deno.test(`${name}, while no server runs`, () => run(false));
  Deno.test(
    `${name}, while a server runs`,
    { ignore: Deno.build.os === "windows" },
    () => run(true),
  );
}

both("queue list shows what waits and counts it", async (hasServer) => {
  await using queue = await testQueue(hasServer);
  const [first, second] = await queue.withStore(async (store) => [
    await put(store, { recipients: [recipient("a@one.example"), recipient("b@two.example")] }),
    await put(store, {
      mail: { reversePath: null, smtpUtf8: false },
      recipients: [recipient('x\u001b[2J"y@one.example', { held: true })],
    }),
  ]);
  const { code, out, err } = await queue.queue("list");
  assertEquals(code, 0);
  assertEquals(err, "2 messages, 3 recipients: 2 queued, 1 held\n");
  const lines = out.trimEnd().split("\n");
  assertEquals(lines.length, 5);
  assert(lines[0].startsWith(first.id) && lines[0].endsWith("<sender@example.org>"), lines[0]);
  assertMatch(lines[1], /^ {4}queued +a@one\.example {2}next \d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/);
  assert(lines[3].startsWith(second.id) && lines[3].endsWith("<>"), lines[3]);
  assertStringIncludes(lines[4], "\\x1b[2J");
  const filters: [args: string[], ids: string[]][] = [
    [["--domain", "TWO.example"], [first.id]],
    [["--to", "A@ONE"], [first.id]],
    [["--from", "sender"], [first.id]],
    [["--state", "held"], [second.id]],
    [["--state", "failed"], []],
    [["--older", "1d"], [first.id, second.id]],
    [[first.id.slice(0, 15)], []],
  ];
  for (const [args, ids] of filters.slice(0, -1)) {
    const { out } = await queue.queue("list", "--json", ...args);
    const found = out.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line).id);
    assertEquals(found, ids, args.join(" "));
  }
});

both("queue actions change what they are told to", async (hasServer) => {
  await using queue = await testQueue(hasServer);
  const [one, two] = await queue.withStore(async (store) => [
    await put(store, { recipients: [recipient("a@one.example"), recipient("b@two.example")] }),
    await put(store, { recipients: [recipient("c@one.example")] }),
  ]);
  const steps: [args: string[], out: string][] = [
    [["hold", "--domain", "one.example"], "held 2 recipients\n"],
    [["hold", "--all"], "held 1 recipient\n"],
    [["hold", "--all"], "held 0 recipients\n"],
    [["release", one.id], "released 2 recipients\n"],
    [["retry", one.id, "--to", "a@"], "due now: 1 recipient\n"],
    [["flush"], "due now: 2 recipients\n"],
    [["flush", "--json"], '{"action":"flush","recipients":2}\n'],
    [["remove", two.id], "removed 1 recipient\n"],
    [["bounce", "--domain", "one.example"], "bounced 1 recipient\n"],
  ];
  for (const [args, out] of steps) {
    const outcome = await queue.queue(...args);
    assertEquals([outcome.code, outcome.out], [0, out], `${args.join(" ")}: ${outcome.err}`);
    const isForServer = ["release", "retry", "flush"].includes(args[0]);
    assertEquals(outcome.err !== "", isForServer && !hasServer, args.join(" "));
  }
  const states = await queue.withStore(async (store) => {
    const shown = [await store.show(one.id), await store.show(two.id)];
    return shown.map((entry) => entry?.recipients.map(({ state }) => state));
  });
  assertEquals(states, [["failed", "queued"], ["removed"]]);
  if (hasServer) {
    assert(queue.told.wake >= steps.length - 1, `${queue.told.wake}`);
    assertEquals(queue.told.forgive, 2);
  }
  const { out } = await queue.queue("list", "--json");
  const listed = out.trimEnd().split("\n").map((line) => JSON.parse(line));
  const notice = listed.find(({ from }) => from === "");
  assertEquals(notice.recipients[0].to, "sender@example.org", "the sender is told");
});

const TLS = { version: "TLSv1.3", cipher: "X", isVerified: false, problem: "expired" } as const;

both("queue show tells each attempt with its replies", async (hasServer) => {
  await using queue = await testQueue(hasServer);
  const { id } = await queue.withStore(async (store) => {
    const entry = await put(store, {
      origin: { client: "192.0.2.1", heloName: "he\nlo", protocol: "ESMTP", session: "s1" },
    });
    const now = Date.now();
    const filter = { ids: [entry.id] };
    const [lease] = await store.claim(filter, { owner: "w", now, until: now + 1000, limit: 1 });
    const outcomes = [{ index: 0, state: "failed", reply: NEVER } as const];
    await store.record(lease, { begun: now, ended: now, tls: TLS, outcomes }, []);
    return entry;
  });
  const { code, out } = await queue.queue("show", id);
  assertEquals(code, 0);
  assertStringIncludes(out, "192.0.2.1 as he\\x0alo by ESMTP, session s1");
  assertStringIncludes(out, "failed after 1 attempt");
  assertMatch(
    out,
    /^attempt .* 0\.0 s\n {2}tls +TLSv1\.3 X unverified \(expired\)\n +someone@example\.com: failed: 550 5\.1\.1 Nobody of /m,
  );
  const json = JSON.parse((await queue.queue("show", "--json", id)).out);
  assertEquals(json.accepted, "2026-01-01T12:00:00.000Z");
  assertEquals(json.attempts[0].tls, TLS);
  assertEquals(json.attempts[0].outcomes[0], {
    to: "someone@example.com",
    state: "failed",
    reply: NEVER,
  });
});

Deno.test("queue show tells what hooks have made of a message", async () => {
  await using queue = await testQueue(false);
  const { id } = await queue.withStore((store) =>
    put(store, {
      headerChanges: ["added X-A", "removed \u001b[2J"],
      recipients: [
        recipient("a@a.test", { rewrittenFrom: '"b\u001b"@b.test', route: "smtp://c.test" }),
      ],
    })
  );
  const { out } = await queue.queue("show", id);
  assertStringIncludes(out, "changed      added X-A, removed \\x1b[2J by a hook\n");
  assertStringIncludes(out, '  rewritten  from "b\\x1b"@b.test by a hook\n');
  assertStringIncludes(out, "  by         smtp://c.test\n");
  const json = JSON.parse((await queue.queue("show", "--json", id)).out);
  assertEquals(json.headerChanges, ["added X-A", "removed \u001b[2J"]);
  assertEquals(json.recipients[0].rewrittenFrom, '"b\u001b"@b.test');
});

Deno.test("queue takes the beginning of an id, and names candidates where there are several", async () => {
  await using queue = await testQueue(false);
  const entries = await queue.withStore(async (store) => {
    const entries = ["0000000000000aaa", "0000000000000abb", "000000000000bccc"]
      .map((id) => newEntry({ id }));
    for (const entry of entries) await store.commit(entry, await stage(store, new Uint8Array(1)));
    return entries;
  });
  const ambiguous = await queue.queue("show", "0000000000000a");
  assertEquals(ambiguous.code, 65);
  assertStringIncludes(ambiguous.err, `beginning of ${entries[0].id}, ${entries[1].id}:`);
  assertEquals((await queue.queue("show", "000000000000b")).code, 0);
  for (const id of ["zzz", "0000000000000aaaa", "%", "*", "../x", "0000000000000AAA "]) {
    const { code, err } = await queue.queue("hold", id);
    assertEquals([code, err.includes("there is no message")], [65, true], id);
  }
});

Deno.test("a queue that is not there is an empty one, and stays not there", async () => {
  const directory = await Deno.makeTempDir();
  const path = `${directory}/none`;
  const none = (...args: string[]) => call(["queue", ...args, "--queue", path]);
  assertEquals(await none("list"), { code: 0, out: "", err: "the queue is empty\n" });
  assertEquals(await none("list", "--json"), { code: 0, out: "", err: "the queue is empty\n" });
  assertEquals(await none("flush"), { code: 0, out: "due now: 0 recipients\n", err: "" });
  assertEquals((await none("show", "0")).code, 65);
  assertEquals([...Deno.readDirSync(directory)], []);
  await Deno.remove(directory, { recursive: true });
});

Deno.test("queue says what is wrong with how it is called", async () => {
  const table: [args: string[], code: number, err: string][] = [
    [[], 64, "an argument is missing"],
    [["lits"], 64, "unknown command queue lits: did you mean list?"],
    [["hold"], 64, "nothing says what to hold: give ids or filters, or --all for everything"],
    [["remove", "--all", "--to", "x"], 64, "--all is for everything"],
    [["list", "--all"], 64, "smtpd queue list takes no --all: leave it out"],
    [["show", "--to", "x", "0"], 64, "smtpd queue show takes no --to: leave it out"],
    [["show"], 64, "an argument is missing: write smtpd queue show ID"],
    [["list", "--state", "new"], 64, "cannot use --state new: give queued, held, "],
    [["list", "--older", "5"], 64, "cannot use --older 5: give a duration"],
    [["list", "--domain", "a b"], 64, "cannot use --domain a b: give a domain"],
  ];
  for (const [args, code, err] of table) {
    const outcome = await call(["queue", ...args, "--queue", "/nonexistent/queue"]);
    assertEquals([outcome.code, outcome.out], [code, ""], args.join(" "));
    assertStringIncludes(outcome.err, err);
  }
});

Deno.test("queue list ends quietly when nobody reads on", async () => {
  await using queue = await testQueue(false);
  await queue.withStore(async (store) => {
    for (let i = 0; i < 3; i++) await put(store);
  });
  let lines = 0;
  const code = await run(["queue", "list", "--queue", queue.path], {
    calledAs: "smtpd",
    environment: new Map(),
    system: testSystem,
    user: () => undefined,
    out() {
      if (++lines === 2) throw new OutputClosed();
    },
    err: (line) => {
      throw new Error(line);
    },
    read: () => Promise.resolve(null),
    write: () => Promise.resolve(),
    terminal: () => undefined,
    runNoPrograms() {},
  });
  assertEquals([code, lines], [0, 2]);
});

Deno.test("a queue that may not be used is told as that, and a file is no queue", async () => {
  const error = new StoreError("failed", "Cannot open the queue", {
    cause: new Deno.errors.PermissionDenied(),
  });
  for (const thrown of [error, new Deno.errors.PermissionDenied()]) {
    assertEquals(failureOf(queueFailure(thrown)).exitCode, 77);
  }
  const file = await Deno.makeTempFile();
  const outcome = await call(["sendmail", "--queue", file, "a@b.example"], {}, { input: "x" });
  await Deno.remove(file);
  assertEquals([outcome.code, outcome.err.trimEnd().split("\n").length], [73, 1], outcome.err);
});
