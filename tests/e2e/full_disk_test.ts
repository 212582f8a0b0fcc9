/** A server whose disk is really full: it says so, keeps what it took, and takes mail again by itself. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { openSqliteStore } from "../../lib/queue/sqlite_store.ts";
import { assertInvariants } from "../queue/invariants.ts";
import { assertOctets, joined, octets } from "./corpus.ts";
import { Dialog, type SeenReply } from "./dialog.ts";
import { eventually, runProgram, startSmtpd, temporaryDirectory } from "./smtpd.ts";

/** Only root of a real machine may mount. */
const canMount = Deno.build.os === "linux" && Deno.uid() === 0 &&
  new Deno.Command("unshare", { args: ["--mount", "true"], stderr: "null" }).outputSync().success;

const KIBIBYTE = 1024;
const MEBIBYTE = 1024 * KIBIBYTE;

/** The octets of a message that goes into the database, and of one that has a file of its own. */
const SMALL = 40 * KIBIBYTE;
const LARGE = 300 * KIBIBYTE;

/** A file system of 16 MiB that goes with the block. */
async function smallDisk(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir({ prefix: "smtpd-full-disk-" });
  const options = ["-t", "tmpfs", "-o", "size=16m", "none", path];
  const { code, text } = await runProgram("mount", options);
  assertEquals(code, 0, text);
  return {
    path,
    async [Symbol.asyncDispose]() {
      const { code, text } = await runProgram("umount", [path]);
      assertEquals(code, 0, text);
      await Deno.remove(path);
    },
  };
}

function content(name: string, size: number): Uint8Array {
  const header = `Subject: ${name}\r\n\r\n`;
  return octets(header + `${"x".repeat(62)}\r\n`.repeat(Math.ceil((size - header.length) / 64)));
}

/** Sends one message; answers the replies. */
async function send(
  dialog: Dialog,
  name: string,
  size: number,
  parameters: readonly string[] = [],
): Promise<SeenReply[]> {
  const to = ["b@other.test"];
  return await dialog.sendMail("a@client.test", to, content(name, size), { parameters });
}

/** Sends until there is no room; answers the subjects that were acknowledged, and the refusal. */
async function fill(
  dialog: Dialog,
  name: string,
  size: number,
): Promise<{ taken: string[]; refusal: SeenReply[] }> {
  const taken: string[] = [];
  for (;;) {
    const subject = `${name}-${taken.length}`;
    const replies = await send(dialog, subject, size);
    if (replies.at(-1)!.code !== 250) return { taken, refusal: replies };
    taken.push(subject);
    assert(taken.length < 1_000, "the disk is never full");
  }
}

function assertNoRoom(reply: SeenReply | undefined): void {
  assertMatch(`${reply?.code} ${reply?.text}`, /^452 4\.3\.1 No room/);
}

/** The subjects of all messages in a queue, whose content is compared. */
async function kept(directory: string): Promise<string[]> {
  await using store = await openSqliteStore({ directory });
  const subjects: string[] = [];
  let after: string | undefined;
  for (;;) {
    const { entries, next } = await store.list({ state: "held" }, { after, limit: 50 });
    for (const { id, size } of entries) {
      const slices: Uint8Array[] = [];
      for await (const slice of store.read(id)) slices.push(slice.slice());
      const text = new TextDecoder().decode(joined(...slices));
      const [, subject] = /^Subject: (.*)\r$/m.exec(text) ?? [];
      const expected = content(subject, subject.startsWith("large") ? LARGE : SMALL);
      assertOctets(joined(...slices).subarray(size - expected.length), expected, subject);
      subjects.push(subject);
    }
    if (next === undefined) return subjects;
    after = next;
  }
}

const CASES = [
  { what: "but for what is left free", queueReserve: "1MiB" },
  { what: "to the last octet", queueReserve: "1B" },
];

for (const { what, queueReserve } of CASES) {
  Deno.test(`server on a disk that is full ${what} says so and recovers by itself`, {
    ignore: !canMount,
  }, async () => {
    await using disk = await smallDisk();
    using directory = temporaryDirectory();
    const queue = `${disk.path}/queue`;
    const config = `${directory.path}/config.json`;
    await Deno.writeTextFile(config, JSON.stringify({ queueReserve }));
    const ballast = `${disk.path}/ballast`;
    await Deno.writeFile(ballast, new Uint8Array(6 * MEBIBYTE));
    const flags = ["--queue", queue, "--route", "hold", "--config", config];
    const promised: string[] = [];
    {
      await using smtpd = await startSmtpd(...flags);
      using dialog = await Dialog.open(smtpd.port);
      assertEquals((await send(dialog, "small-first", SMALL)).at(-1)!.code, 250);
      const large = await fill(dialog, "large", LARGE);
      // Without SIZE it is known only behind the data that there is no room for them.
      assertEquals(large.refusal.length, 4);
      assertNoRoom(large.refusal.at(-1));
      assertNoRoom(await dialog.say(`MAIL FROM:<a@client.test> SIZE=${LARGE}`));
      const small = await fill(dialog, "small", SMALL);
      assertNoRoom(small.refusal.at(-1));
      assertEquals((await dialog.say("NOOP")).code, 250);
      assert(large.taken.length > 5, `only ${large.taken.length}`);
      promised.push("small-first", ...large.taken, ...small.taken);
    }
    // It starts on the full disk as well, and has room as soon as somebody makes some.
    await using smtpd = await startSmtpd(...flags);
    using dialog = await Dialog.open(smtpd.port);
    assertNoRoom(await dialog.say(`MAIL FROM:<a@client.test> SIZE=${LARGE}`));
    await Deno.remove(ballast);
    await eventually(async () => {
      const { code } = await dialog.say(`MAIL FROM:<a@client.test> SIZE=${LARGE}`);
      return code === 250 || undefined;
    });
    assertEquals((await dialog.say("RSET")).code, 250);
    for (const [name, size] of [["small-again", SMALL], ["large-again", LARGE]] as const) {
      const replies = await send(dialog, name, size, [`SIZE=${size}`]);
      assertEquals(replies.map(({ code }) => code), [250, 250, 354, 250]);
      promised.push(name);
    }
    await smtpd.stop();
    assertEquals((await kept(queue)).toSorted(), promised.toSorted());
    assertInvariants(queue);
  });
}
