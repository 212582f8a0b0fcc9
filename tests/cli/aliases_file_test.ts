import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { type AliasesFile, aliasesOf } from "../../lib/cli/aliases_file.ts";
import { Failure } from "../../lib/cli/failure.ts";
import type { Config } from "../../lib/config.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { stateDirectory } from "../queue/state_directory.ts";
import { serverOf, testQueue } from "./queue_fixture.ts";
import { call } from "./surroundings.ts";

/** A directory with an aliases file, and the clock by which it is looked at. */
async function fixture(files: Record<string, string | Uint8Array>) {
  const directory = await Deno.makeTempDir({ prefix: "smtpd-aliases-" });
  const path = (name: string) => `${directory}/${name}`;
  let now = 1_000_000;
  const events: [event: string, details: string][] = [];
  function write(name: string, content: string | Uint8Array): void {
    const octets = typeof content === "string"
      ? new TextEncoder().encode(content.replaceAll("DIR", directory))
      : content;
    Deno.writeFileSync(path(name), octets);
  }
  for (const [name, content] of Object.entries(files)) write(name, content);
  const config = { aliases: path("aliases"), localDomain: ["a.test"], relayFrom: [] };
  const aliases = aliasesOf(
    config as unknown as Config,
    (_level, event, details) => events.push([event, String(details?.error ?? "")]),
    { now: () => now },
  );
  assert(aliases !== undefined);
  return {
    aliases,
    events,
    path,
    write,
    pass: (time: number) => now += time,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

function expanded(aliases: AliasesFile, localPart: string): string {
  const found = aliases.expand({ localPart, domain: "a.test" });
  if (found === undefined) return "none";
  return "code" in found ? String(found.code) : found.map(({ localPart }) => localPart).join(" ");
}

Deno.test("no aliases are made where settings name no file", () => {
  assertEquals(
    aliasesOf({ aliases: undefined, localDomain: [] } as unknown as Config, () => {}),
    undefined,
  );
});

Deno.test("an aliases file is read again when it or what it includes has changed", async () => {
  await using made = await fixture({ aliases: "joe: ann, :include:DIR/list", list: "bob\n" });
  const { aliases, write, pass, events } = made;
  aliases.load();
  assertEquals(expanded(aliases, "joe"), "ann bob");
  write("aliases", "joe: cid,  :include:DIR/list");
  pass(999);
  assertEquals(expanded(aliases, "joe"), "ann bob");
  pass(1);
  write("list", "bob, dan\n");
  assertEquals(expanded(aliases, "joe"), "cid bob dan");
  write("list", "eve, frank\n");
  pass(1000);
  assertEquals(expanded(aliases, "joe"), "cid eve frank");
  pass(5000);
  assertEquals(expanded(aliases, "joe"), "cid eve frank");
  assertEquals(events.map(([event]) => event), ["aliases-read", "aliases-read"]);
});

Deno.test("a file that has become bad is logged once, and the old one stays in force", async () => {
  await using made = await fixture({ aliases: "joe: ann" });
  const { aliases, write, pass, events, path } = made;
  aliases.load();
  write("aliases", "joe: ann\nbob\n");
  for (let i = 0; i < 3; i++) {
    pass(1000);
    assertEquals(expanded(aliases, "joe"), "ann");
  }
  const bad = `aliases ${path("aliases")} line 2: write name: address, address: mend that line`;
  assertEquals(events, [["aliases-bad", bad]]);
  // What it includes for the first time is looked at as well.
  write("aliases", "joe: :include:DIR/new");
  pass(1000);
  assertEquals(expanded(aliases, "joe"), "ann");
  assertStringIncludes(events[1][1], "there is no such file");
  write("new", "cid");
  pass(1000);
  assertEquals(expanded(aliases, "joe"), "cid");
  Deno.removeSync(path("aliases"));
  pass(1000);
  assertEquals(expanded(aliases, "joe"), "cid");
  assertEquals(events.map(([event]) => event), [
    "aliases-bad",
    "aliases-bad",
    "aliases-read",
    "aliases-bad",
  ]);
});

const bad: [files: Record<string, string | Uint8Array>, message: RegExp][] = [
  [{}, /^cannot read aliases \S+\/aliases \(there is no such file\): mend it, or take/],
  [
    { aliases: "joe: :include:DIR/list" },
    /^cannot read aliases \S+\/list \(there is no such file\)/,
  ],
  [{ aliases: "joe: :include:DIR/." }, /^cannot read aliases \S+\/\. \(it is no file\)/],
  [
    { aliases: "joe: :include:DIR/list", list: "a b" },
    /^aliases \S+\/list line 1: a comma is missing/,
  ],
  [{ aliases: new Uint8Array([0x6a, 0x3a, 0xff]) }, /\(it is not UTF-8\)/],
  [{ aliases: new Uint8Array(1024 * 1024 + 1) }, /\(it is over 1048576 octets\)/],
  [
    { aliases: `joe: ${Array.from({ length: 101 }, (_, i) => `:include:/l${i}`).join(",")}` },
    /include 101 files: include 100 at most$/,
  ],
  [{ aliases: "joe: a\x1b[31m b" }, /^aliases [^\x1b]+$/],
];

Deno.test("a bad or missing aliases file is a failure of the configuration, on one line", async () => {
  for (const [files, message] of bad) {
    await using made = await fixture(files);
    const error = assertThrows(() => made.aliases.load(), Failure);
    assertEquals(error.exitCode, 78);
    assert(message.test(error.message), error.message);
    assert(!error.message.includes("\n"));
  }
});

Deno.test("check and serve refuse bad aliases, and aliases without a queue", async () => {
  await using queue = await testQueue(false);
  const config = `${queue.path}/smtpd.json`;
  const aliases = `${queue.path}/aliases`;
  const flags = ["--config", config, "--queue", queue.path, "--local-domain", "a.test"];
  await Deno.writeTextFile(config, JSON.stringify({ aliases }));
  await Deno.writeTextFile(aliases, "joe: ann\n");
  assertEquals((await call(["check", ...flags])).code, 0);
  await Deno.writeTextFile(aliases, "joe ann\n");
  for (const verb of ["check", "serve"]) {
    const { code, err } = await call([verb, ...flags, "--port", "0", "--host", "127.0.0.1"]);
    assertEquals(code, 78);
    assertStringIncludes(err, `${aliases} line 1: write name: address, address`);
  }
  const { code, err } = await call(["check", ...flags, "--no-queue"]);
  assertEquals(code, 78);
  assertStringIncludes(err, "aliases need the queue, and --no-queue is given");
});

Deno.test("sendmail expands aliases as a session would, and says whom they refuse", async () => {
  await using queue = await testQueue(false);
  const config = `${queue.path}/smtpd.json`;
  const aliases = `${queue.path}/aliases`;
  await Deno.writeTextFile(config, JSON.stringify({ aliases, queue: queue.path }));
  await Deno.writeTextFile(aliases, "all: ann, x@b.test\none: two\ntwo: one\n");
  const settings = { SMTPD_CONFIG: config, SMTPD_LOCAL_DOMAIN: "a.test" };
  const input = { input: "Subject: x\n\nbody\n" };
  const sent = await call(["sendmail", "all@a.test"], settings, input);
  assertEquals([sent.code, sent.err], [0, ""]);
  const refused = await call(["sendmail", "one@a.test"], settings, input);
  assertEquals(refused.code, 69);
  assertStringIncludes(refused.err, "<one@a.test>: Aliases of this recipient lead in a circle");
  await Deno.writeTextFile(aliases, "bad\n");
  assertEquals((await call(["sendmail", "all@a.test"], settings, input)).code, 78);
  // The queue is still there to be looked after.
  assertEquals((await call(["queue", "hold", "--all"], settings)).code, 0);
  await queue.withStore(async (store) => {
    const { entries } = await store.list({}, { limit: 10 });
    const found = entries.flatMap(({ recipients }) =>
      recipients.map(({ mailbox, orcpt }) => `${mailbox.localPart} ${orcpt}`)
    );
    assertEquals(found, ["ann rfc822;all@a.test", "x rfc822;all@a.test"]);
  });
});

Deno.test({
  name: "a server tells sendmail whom its aliases refuse",
  ignore: Deno.build.os === "windows",
  async fn() {
    await using directory = await stateDirectory();
    await using store = await directory.open();
    const told = { wake: 0, forgive: 0 };
    const refusal = reply(554, "5.4.6", "In a circle");
    const aliases = { isLocal: () => true, expand: () => refusal };
    await using _control = await serverOf(directory.path, store, told, { aliases });
    const input = { input: "Subject: x\n\nbody\n" };
    const args = ["sendmail", "one@a.test"];
    const sent = await call(args, { SMTPD_QUEUE: directory.path }, input);
    assertEquals(sent.code, 69);
    assertStringIncludes(sent.err, "a recipient is refused (<one@a.test>: In a circle)");
  },
});

Deno.test("explain shows whom an alias stands for, and what becomes of each", async () => {
  await using made = await fixture({ aliases: "all: ann, bob\none: two\ntwo: one\n" });
  const config = made.path("smtpd.json");
  await Deno.writeTextFile(config, JSON.stringify({ aliases: made.path("aliases") }));
  const flags = ["--config", config, "--local-domain", "a.test", "--maildir", made.path("mail")];
  const all = await call(["explain", "all@a.test", ...flags]);
  assertEquals(all.code, 0, all.err);
  assertMatch(all.out, /^alias +all@a\.test stands for ann@a\.test, bob@a\.test$/m);
  assertEquals(all.out.match(/would be delivered into \S+\/(ann|bob)\/new/g)?.length, 2);
  const loop = await call(["explain", "one@a.test", ...flags]);
  assertEquals(loop.code, 69);
  assertMatch(loop.out, /^outcome +would be refused: 554 5\.4\.6/m);
});
