import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readAll } from "../queue/fixture.ts";
import { stateDirectory } from "../queue/state_directory.ts";
import { type TestQueue, testQueue } from "./queue_fixture.ts";
import { call, type Outcome } from "./surroundings.ts";

function sendmail(
  queue: Pick<TestQueue, "path">,
  args: string[],
  input: string | Uint8Array,
  calledAs?: string,
): Promise<Outcome> {
  const all = [...calledAs === undefined ? ["sendmail"] : [], "--queue", queue.path, ...args];
  return call(all, {}, { input, calledAs });
}

/** What `queue list --json` says of the only message, and its octets. */
async function onlyMessage(queue: TestQueue) {
  const listed = (await queue.queue("list", "--json")).out.trimEnd().split("\n");
  assertEquals(listed.length, 1);
  const entry = JSON.parse(listed[0]);
  const octets = await queue.withStore((store) => readAll(store, entry.id));
  return {
    entry,
    to: entry.recipients.map(({ to }: { to: string }) => to),
    text: new TextDecoder().decode(octets),
  };
}

for (const hasServer of [false, true]) {
  Deno.test(
    `sendmail queues a message as PHP hands it in, ${hasServer ? "with" : "without"} a server`,
    {
      ignore: hasServer && Deno.build.os === "windows",
    },
    async () => {
      await using queue = await testQueue(hasServer);
      const input = "To: A <a@b.example>\r\nSubject: x\nBcc: c@d.example\n\nbody\n.\nmore \u00fc\n";
      const outcome = await sendmail(queue, ["-t", "-i", "-fbounce@us.example"], input);
      assertEquals(outcome, { code: 0, out: "", err: "" });
      const { entry, to, text } = await onlyMessage(queue);
      assertEquals(to, ["a@b.example", "c@d.example"]);
      assertEquals([entry.from, entry.body], ["bounce@us.example", "8BITMIME"]);
      assertEquals(entry.origin, { client: "local", protocol: "sendmail" });
      assertMatch(
        text,
        new RegExp(`^Received: by host\\.example \\(smtpd, from this host\\) id ${entry.id};`),
      );
      assertStringIncludes(text, "\r\nFrom: bounce@us.example\r\n");
      assertStringIncludes(text, "\r\n\r\nbody\r\n.\r\nmore \u00fc\r\n");
      assertEquals(text.includes("c@d.example"), false, "nobody sees Bcc");
      if (hasServer) assert(queue.told.wake > 0);
    },
  );
}

Deno.test("sendmail takes what other programs pass to it", async () => {
  const table: [args: string[], from: string, to: string[]][] = [
    [["root"], "joe@host.example", ["root@host.example"]],
    [["-oi", "-oem", "-odb", "-FCronDaemon", "root"], "joe@host.example", ["root@host.example"]],
    [["-i", "-f", "", "--", "a@b.example"], "", ["a@b.example"]],
    [["-f<>", "a@b.example"], "", ["a@b.example"]],
    [["-f", "<x@y.example>", "a@b.example", "a@b.example"], "x@y.example", ["a@b.example"]],
    [["-ti", "-r", "x@y.example", "a@b.example"], "x@y.example", ["a@b.example", "t@b.example"]],
    [
      ["-O", "DeliveryMode=b", "-B8BITMIME", "-v", "-G", "-X", "/dev/null", "a@b.example"],
      "joe@host.example",
      ["a@b.example"],
    ],
    [["-bm", "-Am", "a@\u00fc.example"], "joe@host.example", ["a@\u00fc.example"]],
  ];
  for (const [args, from, recipients] of table) {
    await using queue = await testQueue(false);
    const outcome = await sendmail(queue, args, "To: t@b.example\n\nx\n");
    assertEquals(outcome, { code: 0, out: "", err: "" }, args.join(" "));
    const { entry, to } = await onlyMessage(queue);
    assertEquals([entry.from, to], [from, recipients], args.join(" "));
  }
});

Deno.test("sendmail passes on what is asked of notices", async () => {
  await using queue = await testQueue(false);
  const args = ["-N", "success,failure", "-R", "hdrs", "-V", "an id", "a@b.example"];
  assertEquals((await sendmail(queue, args, "x\n")).code, 0);
  const { entry } = await onlyMessage(queue);
  assertEquals([entry.ret, entry.envid], ["headers", "an+20id"]);
  assertEquals(entry.recipients[0].notify, ["success", "failure"]);
});

Deno.test("sendmail refuses with the exit code of what is wrong, and queues nothing", async () => {
  await using queue = await testQueue(false);
  const table: [args: string[], input: string, code: number, err: string][] = [
    [["-z"], "", 64, "takes no -z"],
    [["-bd"], "", 64, "takes no -bd"],
    [["-f"], "", 64, "-f needs a value"],
    [["--prot", "1", "a@b.example"], "", 64, "unknown flag --prot"],
    [["-N", "sometimes", "a@b.example"], "", 64, "cannot use -N"],
    [[], "x\n", 64, "there is no recipient"],
    [["-t"], "Subject: x\n\nTo: a@b.example\n", 65, "the message names no recipient"],
    [["a b@c.example"], "x\n", 65, "is no address"],
    [["-t"], "To: a@b.example c@d.example\n\n", 65, "more than an address"],
    [["a@b\r\n.example"], "x\n", 65, "is no address"],
    [["a@b.example"], "Subject: x\rBcc: c@d.example\n\n", 65, "a CR without an LF"],
    [["-F", "x\nBcc: y", "a@b.example"], "x\n", 65, "cannot use -F"],
    [["--max-size", "10", "a@b.example"], "x".repeat(11), 65, "larger than 10 octets"],
    [["--max-recipients", "1", "a@b.example", "c@b.example"], "x", 65, "2 recipients, and 1"],
  ];
  for (const [args, input, code, err] of table) {
    const outcome = await sendmail(queue, args, input);
    assertEquals([outcome.code, outcome.out], [code, ""], `${args.join(" ")} ${outcome.err}`);
    assertStringIncludes(outcome.err, err);
    assertEquals(outcome.err.trimEnd().split("\n").length, 1);
  }
  assertEquals((await queue.queue("list")).err, "the queue is empty\n");
});

Deno.test("sendmail -bs speaks SMTP, and its messages are queued", async () => {
  await using queue = await testQueue(false);
  const dialog = "EHLO me\r\nMAIL FROM:<x@y.example>\r\nRCPT TO:<a@b.example>\r\nDATA\r\n" +
    "Subject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n";
  const { code, out } = await sendmail(queue, ["-bs"], dialog);
  assertEquals(code, 0);
  const codes = out.trimEnd().split("\r\n").map((line) => line.slice(0, 4)).filter((line) =>
    line !== "250-"
  );
  assertEquals(codes, ["220 ", "250 ", "250 ", "250 ", "354 ", "250 ", "221 "]);
  const { entry, to, text } = await onlyMessage(queue);
  assertEquals([entry.from, to], ["x@y.example", ["a@b.example"]]);
  assertStringIncludes(text, "\r\n\r\n.dot\r\n");
});

Deno.test("sendmail -bs ends where its input does", async () => {
  await using queue = await testQueue(false);
  assertMatch((await sendmail(queue, ["-bs"], "EHLO me\r\nMAIL")).out, /^220 /);
});

Deno.test("the program called sendmail or mailq is that", async () => {
  await using queue = await testQueue(false);
  assertEquals((await sendmail(queue, ["a@b.example"], "x\n", "sendmail")).code, 0);
  const { out } = await sendmail(queue, [], "", "mailq");
  assertStringIncludes(out, "a@b.example");
  assertEquals((await sendmail(queue, ["-bp"], "")).out, out);
});

Deno.test("many sendmail at once with no server running are all queued", async () => {
  await using directory = await stateDirectory();
  const main = new URL("../../main.ts", import.meta.url).pathname;
  const codes = await Promise.all([1, 2, 3].map(async (n) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-q", "-A", main, "sendmail", "--queue", directory.path, `a${n}@b.example`],
      stdin: "piped",
      stdout: "null",
      stderr: "inherit",
    }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode("Subject: x\n\nhello\n"));
    await writer.close();
    return (await child.status).code;
  }));
  assertEquals(codes, [0, 0, 0]);
  await using store = await directory.open();
  assertEquals((await store.stats()).messages, 3);
});
