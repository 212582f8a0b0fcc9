import { assert, assertEquals, assertRejects } from "@std/assert";
import { HooksError } from "../../lib/hooks/hooks_error.ts";
import { reply } from "../../lib/smtp/reply.ts";
import { MAIL, openHooks, said, SESSION } from "./hooks_fixture.ts";

const UNAVAILABLE = "451 4.3.0 The policy of this server cannot be asked now, try again later";

Deno.test("hooks are given what is known, and refuse, permit or go on", async () => {
  await using written = await openHooks(
    `import type { HooksModule } from "@smtpd/smtpd";
    const tell = (...facts: unknown[]) => ({ code: 550, text: JSON.stringify(facts) });
    export const connect: HooksModule["connect"] = (session) => tell(session);
    export const helo: HooksModule["helo"] = async (session) => tell(session.heloName);
    export const mail: HooksModule["mail"] = (session, mail) => tell(session.id, mail);
    export const rcpt: HooksModule["rcpt"] = (_session, { forwardPath }, mail) => {
      switch (forwardPath.localPart) {
        case "facts": return tell(forwardPath, mail);
        case "permit": return "permit";
        case "reply": return { code: 450, enhanced: "4.7.1", lines: ["a", "b"] };
        case "throw": throw { code: 452, text: "Thrown" };
        case "error": throw Object.assign(new Error("An error"), { code: 553, enhanced: "5.1.3" });
        case "later": return new Promise((resolve) => setTimeout(() => resolve("permit"), 1));
      }
    };`,
    { name: "hooks.ts" },
  );
  const { hooks } = written.file;
  assertEquals(await said(hooks.connect!(SESSION)), `550 ${JSON.stringify([SESSION])}`);
  assertEquals(await said(hooks.helo!(SESSION)), '550 ["client.test"]');
  assertEquals(await said(hooks.mail!(SESSION, MAIL)), `550 ${JSON.stringify(["s1", MAIL])}`);
  const forwardPath = { localPart: "facts", domain: "local.test" };
  const table: [localPart: string, expected: string][] = [
    ["facts", `550 ${JSON.stringify([forwardPath, MAIL])}`],
    ["permit", '{"permit":true}'],
    ["reply", "450 4.7.1 a b"],
    ["throw", "452 Thrown"],
    ["error", "553 5.1.3 An error"],
    ["later", '{"permit":true}'],
    ["other", "ok"],
  ];
  for (const [localPart, expected] of table) {
    assertEquals(await written.rcpt(localPart), expected);
  }
  const message = {
    envelope: { ...MAIL, forwardPaths: [] },
    header: [],
    content: ReadableStream.from([]),
  };
  assertEquals(hooks.data!(SESSION, message), undefined, "there is no such hook to be asked");
});

Deno.test("a hook that fails is told of in the log, and the session gets 451", async () => {
  await using written = await openHooks(`
    const odd = {
      bug() { return missing; },
      undefined() { throw undefined; },
      text() { throw "a text"; },
      cycle() { const cycle = { code: 550, text: "x" }; cycle.self = cycle; return cycle; },
      function() { return () => {}; },
      symbol() { return Symbol("x"); },
      bigint() { return 1n; },
      number() { return 550; },
      positive() { return { code: 250, text: "Ok" }; },
      null() { return null; },
      error() { return new Error("returned"); },
      map() { return new Map([["code", 550]]); },
      long() { return { code: 550, text: "x".repeat(100_000) }; },
      getter() { return { code: 550, get text() { throw new Error("gotten"); } }; },
      thrown() { throw { get code() { throw new Error("gotten"); } }; },
      proxy() { throw new Proxy({}, { get() { throw new Error("trapped"); }, getPrototypeOf() { throw 1; } }); },
      revoked() { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); throw proxy; },
      thenable() { return { then() { throw new Error("then"); } }; },
      async rejected() { throw new Error("rejected"); },
    };
    export function rcpt(_session, { forwardPath }) { return odd[forwardPath.localPart]?.(); }
  `);
  const table: [localPart: string, error: string][] = [
    ["bug", "missing is not defined"],
    ["undefined", "undefined"],
    ["text", "a text"],
    ["cycle", "circular"],
    ["function", "Cannot take a function"],
    ["symbol", "Cannot take a symbol"],
    ["bigint", "BigInt"],
    ["number", "is no object"],
    ["positive", "400 to 599"],
    ["null", "is no object"],
    ["error", "returned"],
    ["map", "it is not plain"],
    ["long", "more than 65536 characters"],
    ["getter", "gotten"],
    ["thrown", "gotten"],
    ["proxy", ""],
    ["revoked", ""],
    ["thenable", "then"],
    ["rejected", "rejected"],
  ];
  for (const [localPart, error] of table) {
    assertEquals(await written.rcpt(localPart), UNAVAILABLE, localPart);
    const last = written.logged.at(-1)!;
    assertEquals([last.event, last.session, last.step], ["hook-failed", "s1", "rcpt"], localPart);
    assert(String(last.error).includes(error), `${localPart}: ${last.error}`);
  }
  assertEquals(await written.rcpt("other"), "ok");
});

Deno.test("questions of one turn travel together, and do not wait for each other", async () => {
  await using written = await openHooks(`
    const batches = [];
    let count = 0;
    function next() {
      batches.push(count);
      count = 0;
    }
    let release;
    export function rcpt(_session, { forwardPath }) {
      // A timer that is set later ends later: whoever waits for it has the count of all that came before.
      if (forwardPath.localPart === "counted") return new Promise((end) => setTimeout(end, 10));
      if (count++ === 0) setTimeout(next);
      if (forwardPath.localPart === "waits") return new Promise((resolve) => release = resolve);
      release?.({ code: 450, text: "Released" });
      return { code: 550, text: batches.join() };
    }
  `);
  const waits = written.rcpt("waits");
  await written.rcpt("first");
  assertEquals(await waits, "450 Released");
  await Promise.all(Array.from({ length: 50 }, (_, i) => written.rcpt(`${i}`)));
  await written.rcpt("counted");
  assertEquals(await written.rcpt("last"), "550 2,50");
});

Deno.test("a message is read slice by slice, as the hook asks for them", async () => {
  await using written = await openHooks(`
    export async function data(_session, { envelope, header, content }) {
      const subject = header.find(({ name }) => name === "Subject")?.value;
      if (subject === "unread") return { code: 450, text: envelope.reversePath.localPart };
      let size = 0;
      let sum = 0;
      for await (const slice of content) {
        size += slice.length;
        for (const octet of slice) sum += octet;
        if (subject === "enough") break;
      }
      return { code: 550, text: [size, sum].join() };
    }
  `);
  let given = 0;
  async function* content() {
    const buffer = new Uint8Array(1000);
    for (let i = 1; i <= 5; i++) {
      given++;
      // A slice is good until the next one is asked for, no longer.
      yield await Promise.resolve(buffer.fill(i));
    }
  }
  const header = (value: string) => [{ name: "Subject", value }];
  assertEquals(await written.data(content(), header("unread")), "450 a");
  assertEquals(given, 0);
  assertEquals(await written.data(content(), header("all")), "550 5000,15000");
  assertEquals(given, 5);
  assertEquals(await written.data(content(), header("enough")), "550 1000,1000");
  assertEquals(given, 6);
});

Deno.test("a message that breaks off is no fault of the hook", async () => {
  await using written = await openHooks(`
    export async function data(_session, { content }) { for await (const _ of content); }
    export function rcpt() {}
  `);
  async function* broken() {
    yield await Promise.resolve(new Uint8Array(1));
    throw new Error("the client has gone");
  }
  assertEquals(await written.data(broken()), UNAVAILABLE);
  assertEquals(await written.rcpt("next"), "ok");
  assertEquals(written.logged.map(({ event }) => event), ["hooks-loaded"]);
});

Deno.test("a hook that reads on behind its answer is told so", async () => {
  await using written = await openHooks(`
    let kept;
    export function data(_session, { content }) { kept = content; }
    export async function rcpt() {
      return await kept.next().then(() => undefined, ({ message }) => ({ code: 550, text: message }));
    }
  `);
  assertEquals(await written.data(ReadableStream.from([new Uint8Array(1)])), "ok");
  assertEquals(await written.rcpt("x"), "550 Cannot read on: the message has its answer");
});

Deno.test("hooks have the rights that they are granted, and no others", async () => {
  const directory = Deno.makeTempDirSync();
  const free = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen() {} },
    () => new Response("served"),
  );
  try {
    Deno.writeTextFileSync(`${directory}/granted.txt`, "read");
    Deno.writeTextFileSync(`${directory}/module.js`, 'export const word = "imported";');
    Deno.writeTextFileSync(`${directory}/other.txt`, "");
    const { port } = free.addr;
    const granted = ["granted.txt", "module.js"].map((name) => `${directory}/${name}`);
    await using written = await openHooks(
      `const directory = ${JSON.stringify(directory)};
      const deeds = {
        read: () => Deno.readTextFile(directory + "/granted.txt"),
        import: async () => (await import(directory + "/module.js")).word,
        env: () => Deno.env.get("GRANTED"),
        net: async () => await (await fetch("http://127.0.0.1:${port}/")).text(),
        otherFile: () => Deno.readTextFile(directory + "/other.txt"),
        ownFile: () => Deno.readTextFile(new URL(import.meta.url)),
        write: () => Deno.writeTextFile(directory + "/granted.txt", ""),
        otherEnv: () => Deno.env.get("HOME"),
        otherNet: () => Deno.connect({ hostname: "127.0.0.1", port: ${port === 9 ? 10 : 9} }),
        run: () => new Deno.Command(Deno.execPath()).output(),
      };
      export async function rcpt(_session, { forwardPath }) {
        try {
          return { code: 450, text: await deeds[forwardPath.localPart]() };
        } catch (error) {
          return { code: 550, text: error.name };
        }
      }`,
      {
        grants: { net: [`127.0.0.1:${port}`], read: granted, env: ["GRANTED"] },
        environment: { GRANTED: "known" },
      },
    );
    const table: [deed: string, expected: string][] = [
      ["read", "450 read"],
      ["import", "450 imported"],
      ["env", "450 known"],
      ["net", "450 served"],
      ["otherFile", "550 NotCapable"],
      ["ownFile", "550 NotCapable"],
      ["write", "550 NotCapable"],
      ["otherEnv", "550 NotCapable"],
      ["otherNet", "550 NotCapable"],
      ["run", "550 NotCapable"],
    ];
    for (const [deed, expected] of table) assertEquals(await written.rcpt(deed), expected, deed);
  } finally {
    await free.shutdown();
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("a module that cannot be used is refused, with the reason and the place", async () => {
  const table: [source: string, reason: RegExp][] = [
    ["export function rcpt() {\n  return 1 +;\n}", /^line 2, column 13: .*SyntaxError/],
    ["\nmissing();\nexport function rcpt() {}", /^line 2, column 1: .*missing is not defined$/],
    ['throw "a text";\nexport function rcpt() {}', /a text/],
    ["export function recpt() {}", /^it exports recpt, and a module of hooks exports connect, /],
    ["export default { rcpt() {} }", /^it exports default, /],
    ["export const rcpt = 1;", /^its export rcpt is no function$/],
    ["const rcpt = 1;", /^it exports no hook/],
    ['import "./other.js";\nexport function rcpt() {}', /^line 1, .*Requires read access to/],
    ["Deno.stdout.writeSync(new Uint8Array(2e6));\nexport function rcpt() {}", /printed too much/],
    ["const all = []; for (;;) all.push(new Array(1e5).fill(0));", /took more memory/],
    ["setTimeout(() => { throw 1; });\nawait new Promise(() => {});", /error that nobody caught/],
  ];
  for (const [source, reason] of table) {
    const error = await assertRejects(() => openHooks(source), HooksError, undefined, source);
    assert(reason.test(error.reason), error.reason);
  }
});

Deno.test("a module that is loaded again answers what comes from then on", async () => {
  const answering = (text: string) => `
    let release;
    export function rcpt(_session, { forwardPath }) {
      if (forwardPath.localPart === "release") return release("permit");
      if (forwardPath.localPart === "waits") return new Promise((resolve) => release = resolve);
      return ${JSON.stringify(reply(550, undefined, text))};
    }`;
  await using written = await openHooks(answering("old"));
  await written.write("export const rcpt = 1;");
  await written.file.reload();
  assertEquals(written.logged.at(-1)!.error, "its export rcpt is no function");
  assertEquals(await written.rcpt("x"), "550 old");

  await written.write(answering("new"));
  const waits = written.rcpt("waits");
  const released = written.rcpt("release");
  await written.file.reload();
  assertEquals([await waits, await released], ['{"permit":true}', "ok"]);
  assertEquals(await written.rcpt("x"), "550 new");

  // Asked for again while it is under way, it happens once more, and no more often than that.
  await written.write(answering("newest"));
  await Promise.all(Array.from({ length: 5 }, () => written.file.reload()));
  assertEquals(await written.rcpt("x"), "550 newest");
  assertEquals(written.logged.filter(({ event }) => event === "hooks-loaded").length, 4);
});
