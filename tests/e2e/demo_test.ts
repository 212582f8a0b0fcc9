/** `smtpd demo` as a process: what it prints, what is in its inbox, and that nothing of it stays. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { BackgroundProcess } from "../peers.ts";
import { program, runProgram, temporaryDirectory } from "./smtpd.ts";

const root = new URL("../../", import.meta.url).pathname;

/** Starts a demo whose temporary directories are in this one. */
function startDemo(directory: string): BackgroundProcess {
  const [file, ...args] = [...program, "demo", "--port", "0", "--ui", "0"];
  return new BackgroundProcess(file, args, { cwd: root, env: { TMPDIR: directory } });
}

/** Waits for the two lines of a demo; answers where its page is and its port. */
async function linesOf(demo: BackgroundProcess): Promise<{ url: string; port: number }> {
  const [, url] = await demo.line(/^5 messages are in the inbox: (http:\/\/127\.0\.0\.1:\d+\/)$/);
  const [, port] = await demo.line(
    /^Send your own to smtp:\/\/127\.0\.0\.1:(\d+)\. Ctrl-C ends it\.$/,
  );
  return { url, port: Number(port) };
}

/** The names of what is in a directory. */
function namesIn(directory: string): string[] {
  const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
  // The runtime of an executable keeps its compiled code there.
  return names.filter((name) => !name.startsWith("deno-compile-"));
}

Deno.test("the demo shows five messages, from plain to difficult", async () => {
  using directory = temporaryDirectory();
  await using demo = startDemo(directory.path);
  const { url, port } = await linesOf(demo);
  // deno-lint-ignore no-explicit-any
  const ask = async (path: string): Promise<any> => {
    const response = await fetch(`${url}api/${path}`);
    assertEquals(response.status, 200, path);
    return await response.json();
  };
  const page = await fetch(url);
  assertEquals([page.status, page.headers.get("content-type")], [200, "text/html; charset=utf-8"]);
  const document = await page.text();
  assertMatch(document, /^<!doctype html>/i);
  const named = [...document.matchAll(/(?:src|href)="\/([^"]*)"/g)].map(([, path]) => path);
  assert(named.length > 10, `${named}`);
  for (const path of named) {
    const file = await fetch(url + path);
    assertEquals([file.status, (await file.text()).length > 100], [200, true], path);
  }
  assertEquals((await ask("counts")).states.held, 5);

  const { messages } = await ask("messages");
  const ids = messages.map(({ id }: { id: string }) => id);
  const [large, invitation, greek, html, plain] = await Promise.all(
    ids.map((id: string) => ask(`messages/${id}`)),
  );
  for (const { state, problem } of [large, invitation, greek, html, plain]) {
    assertEquals([state, problem], ["held", undefined]);
  }
  assertEquals([plain.subject, plain.codes[0]], ["Your sign-in code", "482913"]);
  assertEquals(plain.links, ["https://shop.example/verify?token=5f2c"]);
  assertEquals(html.to, ["joe@customer.example", "archive@shop.example"]);
  assertMatch(html.html, /<img src="cid:envelope@shop\.example"/);
  const partsOf = ({ parts }: typeof html) =>
    parts.map(({ type, inline }: { type: string; inline: boolean }) => [type, inline]);
  assertEquals(partsOf(html), [["image/png", true], ["text/csv", false]]);
  const csv = await fetch(`${url}api/messages/${ids[3]}/parts/1`);
  assertEquals(await csv.text(), "item,count\r\nteapot,1\r\n");
  assertEquals(greek.subject, "Καλημέρα κόσμε, こんにちは 世界, שלום עולם 👋");
  assertEquals([greek.from, greek.to], ["jörg@bücher.example", ["suzuki@例え.example"]]);
  assertMatch(greek.text, /Grüße! Ελληνικά, 日本語/);
  assertEquals(partsOf(invitation), [["text/calendar", false]]);
  assert(large.size > 5 * 2 ** 20, `${large.size}`);
  assertEquals(large.parts.map(({ size }: { size: number }) => size), [5 * 2 ** 20]);
  // Another one may be sent to where it says.
  const connection = await Deno.connect({ hostname: "127.0.0.1", port });
  const greeting = new Uint8Array(3);
  await connection.read(greeting);
  connection.close();
  assertEquals(new TextDecoder().decode(greeting), "220");
  assertEquals(demo.output.split("\n").length, 3, demo.output);
});

for (const signal of ["SIGTERM", "SIGINT"] as const) {
  Deno.test(`the demo leaves nothing behind when ${signal} ends it`, async () => {
    using directory = temporaryDirectory();
    await using demo = startDemo(directory.path);
    await linesOf(demo);
    assertEquals(namesIn(directory.path).length, 1);
    assertMatch(namesIn(directory.path)[0], /^smtpd-demo-/);
    const { code } = await demo.stop(signal, 40_000);
    assertEquals([code, namesIn(directory.path)], [0, []], demo.output);
  });
}

Deno.test("the demo leaves nothing behind when it is ended before its messages are there", async () => {
  using directory = temporaryDirectory();
  const [file, ...args] = [...program, "demo", "--port", "0", "--ui", "0", "--log-level", "info"];
  const options = { cwd: root, env: { TMPDIR: directory.path } };
  await using demo = new BackgroundProcess(file, args, options);
  await demo.line(/listening .*service=http|"service":"http"/, 30_000);
  const { code } = await demo.stop("SIGINT", 40_000);
  assertEquals([code, namesIn(directory.path)], [0, []], demo.output);
});

Deno.test("the demo that cannot listen says why, and leaves nothing behind", async () => {
  using directory = temporaryDirectory();
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr;
  const [file, ...args] = program;
  const flags: [flags: string[], setBy: string][] = [
    [["--port", "0", "--ui", `${port}`], "--ui"],
    [["--port", `${port}`, "--ui", "0"], "--port"],
  ];
  for (const [given, setBy] of flags) {
    const env = { TMPDIR: directory.path };
    const { code, text } = await runProgram(file, [...args, "demo", ...given], { env });
    assertEquals(code, 69, text);
    assertMatch(
      text,
      new RegExp(`^smtpd: port ${port} of 127\\.0\\.0\\.1 is taken: .* ${setBy}\\n$`),
    );
    assertEquals(namesIn(directory.path), []);
  }
});
