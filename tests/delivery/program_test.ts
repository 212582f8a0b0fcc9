import { assert, assertEquals, assertMatch } from "@std/assert";
import { beginProgram, invocationOf } from "../../lib/delivery/program.ts";
import type { Clock } from "../../lib/net/clock.ts";
import { systemClock } from "../../lib/net/clock.ts";
import type { OutletTransaction } from "../../lib/relay/outlet.ts";
import { parseProgram } from "../../lib/relay/program_route.ts";
import type { Mailbox } from "../../lib/smtp/mailbox.ts";
import { formatReply, isPositive, type Reply } from "../../lib/smtp/reply.ts";

const utf8 = new TextEncoder();
const SENDER: Mailbox = { localPart: "ann", domain: "example.net" };
const JOE: Mailbox = { localPart: "joe", domain: "example.org" };
const TRACE = "Received: from a by b\r\n";

/** A clock on which five minutes are a moment. */
const hasty: Clock = {
  now: () => systemClock.now(),
  after: (delay, wake) => systemClock.after(delay / 1000, wake),
};

/** Runs a test with a shell script of its own. */
async function withScript(
  text: string,
  test: (path: string, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "program_test_" });
  try {
    const path = `${directory}/script`;
    await Deno.writeTextFile(path, `#!/bin/sh\n${text}\n`);
    await Deno.chmod(path, 0o755);
    await test(path, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

interface Delivery {
  readonly to?: readonly Mailbox[];
  readonly from?: Mailbox | null;
  readonly content?: readonly (string | Uint8Array)[];
  readonly clock?: Clock;
}

async function begin(command: string, { to = [JOE], from = SENDER, clock }: Delivery = {}) {
  const transaction = beginProgram(parseProgram(command), from, { clock });
  for (const forwardPath of to) {
    assert(isPositive(await transaction.rcpt({ forwardPath })), forwardPath.localPart);
  }
  return transaction;
}

async function finish(transaction: OutletTransaction): Promise<string[]> {
  const outcome = await transaction.end();
  const replies: readonly Reply[] = "code" in outcome ? [outcome] : outcome;
  return replies.map((reply) => formatReply(reply).trimEnd());
}

async function deliver(command: string, delivery: Delivery = {}): Promise<string[]> {
  const transaction = await begin(command, delivery);
  const refusal = await transaction.data(TRACE);
  if (refusal !== undefined) return [formatReply(refusal).trimEnd()];
  for (const part of delivery.content ?? ["Subject: hi\r\n\r\nhow are you?\r\n"]) {
    const slice = typeof part === "string" ? utf8.encode(part) : part.slice();
    await transaction.write(slice);
    slice.fill(0x58);
  }
  return await finish(transaction);
}

Deno.test("a program reads Return-Path, Delivered-To and what was sent, octet by octet", async () => {
  await withScript('cat > "$1"', async (path, directory) => {
    const everyOctet = new Uint8Array(3_000_000).map((_, i) => i * 31 >> 3);
    const content = [everyOctet.subarray(0, 7), everyOctet.subarray(7, 70_000)];
    content.push(everyOctet.subarray(70_000));
    const out = `${directory}/out`;
    assertEquals(await deliver(`${path} ${out}`, { content }), [
      "250 2.0.0 Delivered to the program",
    ]);
    const octets = await Deno.readFile(out);
    const head = `Return-Path: <ann@example.net>\r\nDelivered-To: joe@example.org\r\n${TRACE}`;
    assertEquals(new TextDecoder().decode(octets.subarray(0, head.length)), head);
    assertEquals(octets.length, head.length + everyOctet.length);
    assert(octets.subarray(head.length).every((octet, i) => octet === everyOctet[i]));
  });
});

Deno.test("a program is run for each recipient, with its arguments and nothing else of the environment", async () => {
  const script = 'for a; do echo "[$a]"; done > "$1"; env | grep -v -e ^PWD= -e ^_= -e ^SHLVL= ' +
    '-e ^OLDPWD= | sort >> "$1"';
  await withScript(script, async (path, directory) => {
    const to = [JOE, { localPart: "a b;$(id)", domain: "x.test" }];
    const command =
      `${path}  ${directory}/\${domain} -f \${sender} *  --to=\${recipient}:\${local}`;
    const said = await deliver(command, { to, from: null });
    assertEquals(said.length, 2);
    assert(said.every((reply) => reply.startsWith("250 ")));
    assertEquals(
      await Deno.readTextFile(`${directory}/x.test`),
      `[${directory}/x.test]\n[-f]\n[]\n[*]\n[--to="a b;$(id)"@x.test:a b;$(id)]\n` +
        "DOMAIN=x.test\nLOCAL=a b;$(id)\nPATH=/usr/local/bin:/usr/bin:/bin\n" +
        'RECIPIENT="a b;$(id)"@x.test\nSENDER=\n',
    );
    assertMatch(await Deno.readTextFile(`${directory}/example.org`), /^LOCAL=joe$/m);
  });
});

Deno.test("what is in a value is no placeholder again", () => {
  const hop = parseProgram("/bin/x ${local}");
  const made = invocationOf(hop, null, { localPart: "${domain}", domain: "x.test" });
  assert("args" in made);
  assertEquals(made.args, ["${domain}"]);
});

Deno.test("an address that a program would take for an option is refused", async () => {
  const table: [args: string, from: string, to: string, said: string][] = [
    ["${local}", "ann", "-x", "553 5.1.3 Cannot give this mailbox to a program"],
    ["${recipient}", "ann", "-x", "553 5.1.3 Cannot give this mailbox to a program"],
    ["${sender}", "-x", "joe", "553 5.1.7 Cannot give this sender to a program"],
    ["a ${sender}${local}", "ann", "-x", "250 2.1.5 Recipient ok"],
    ["--to=${local}", "-x", "-x", "250 2.1.5 Recipient ok"],
    ["${domain}", "ann", "a\nb", "553 5.1.3 Cannot give this mailbox to a program"],
    ["", "a\0b", "joe", "553 5.1.7 Cannot give this sender to a program"],
  ];
  for (const [args, from, localPart, said] of table) {
    const hop = parseProgram(`/bin/cat ${args}`);
    const transaction = beginProgram(hop, { localPart: from, domain: "example.net" });
    const reply = await transaction.rcpt({ forwardPath: { localPart, domain: "example.org" } });
    assertEquals(formatReply(reply).trimEnd(), said, args);
  }
});

Deno.test("the exit status and the first line of a program make the reply", async () => {
  const table: [script: string, said: string][] = [
    ["cat >/dev/null", "250 2.0.0 Delivered to the program"],
    ["cat >/dev/null; echo; echo ' stored as 7 '; echo more", "250 2.0.0 stored as 7"],
    ["exit 64", "554 5.3.0 The program was called the wrong way"],
    ["echo 'no joe here' >&2; exit 67", "550 5.1.1 no joe here"],
    ["exit 68", "550 5.1.2 No such host"],
    ["exit 69", "550 5.3.0 The service is not available"],
    ["exit 73", "451 4.2.0 The program cannot create its output"],
    ["exit 75", "451 4.3.0 The program cannot take the message now"],
    ["exit 77", "550 5.7.1 The program may not deliver the message"],
    ["exit 1", "451 4.3.0 The program failed"],
    ["exit 255", "451 4.3.0 The program failed"],
    ["kill -9 $$", "451 4.3.0 The program failed"],
    ["printf 'a\\033[2J\\0\\377b\\r\\n250 ok'; exit 75", "451 4.3.0 a\\x1b[2J\\x00\\ufffdb"],
    ["head -c 3000000 /dev/zero | tr '\\0' y; exit 75", `451 4.3.0 ${"y".repeat(400)}`],
  ];
  for (const [script, said] of table) {
    await withScript(script, async (path) => assertEquals(await deliver(path), [said], script));
  }
});

Deno.test("each recipient is told what its own run said", async () => {
  await withScript('cat >/dev/null; [ "$LOCAL" != bob ] || exit 67', async (path) => {
    const to = ["joe", "bob", "eve"].map((localPart) => ({ localPart, domain: "example.org" }));
    const said = await deliver(path, { to });
    assertEquals(said.map((reply) => reply.slice(0, 9)), ["250 2.0.0", "550 5.1.1", "250 2.0.0"]);
  });
});

Deno.test("a program that does not read its input, or only some of it, is judged by its exit status", async () => {
  const content = Array.from({ length: 64 }, () => new Uint8Array(64 * 1024));
  for (const script of ["exit 0", "exec <&-; exit 0", "head -c 10 >/dev/null", "read line"]) {
    await withScript(script, async (path) => {
      assertEquals((await deliver(path, { content }))[0].slice(0, 9), "250 2.0.0", script);
    });
  }
});

Deno.test("a program that left another behind with its input and output is not waited for", async () => {
  const content = Array.from({ length: 64 }, () => new Uint8Array(64 * 1024));
  await withScript('sleep 60 <&0 & echo $! > "$1"; echo done', async (path, directory) => {
    const pid = `${directory}/pid`;
    assertEquals(await deliver(`${path} ${pid}`, { content, clock: hasty }), ["250 2.0.0 done"]);
    Deno.kill(Number(await Deno.readTextFile(pid)), "SIGKILL");
  });
});

Deno.test("a program that takes too long is stopped, by SIGKILL where it must be", async () => {
  const large = Array.from({ length: 64 }, () => new Uint8Array(64 * 1024));
  const scripts = [
    "exec sleep 60",
    "exec <&-; exec sleep 60",
    "trap '' TERM; while :; do sleep 0.1; done",
  ];
  for (const script of scripts) {
    for (const content of [["x"], large]) {
      await withScript(script, async (path) => {
        const said = ["451 4.3.0 The program took too long"];
        assertEquals(await deliver(path, { content, clock: hasty }), said, script);
      });
    }
  }
});

Deno.test("a program that cannot be started puts the message off", async () => {
  const said = ["451 4.3.5 Cannot start the program now"];
  assertEquals(await deliver("/nowhere/program"), said);
  assertEquals(await deliver("/etc/passwd"), said);
});

Deno.test("a program whose message breaks off is stopped and never sees the end of its input", async () => {
  const script =
    'trap "echo stopped > $1; exit" TERM; echo ready > "$2"; while read -r line; do :; done;' +
    ' echo "took it whole" > "$1"';
  await withScript(script, async (path, directory) => {
    const [out, ready] = [`${directory}/out`, `${directory}/ready`];
    for (const file of [out, ready]) {
      assert((await new Deno.Command("/usr/bin/mkfifo", { args: [file] }).output()).success);
    }
    const transaction = await begin(`${path} ${out} ${ready}`);
    await transaction.data(TRACE);
    assertEquals(await Deno.readTextFile(ready), "ready\n");
    await transaction.write(utf8.encode("Subject: hi\r\n"));
    transaction.abort();
    transaction.abort();
    assertEquals(await Deno.readTextFile(out), "stopped\n");
    assertEquals(await finish(transaction), ["451 4.3.0 This delivery was given up"]);
  });
});

Deno.test("more recipients than programs may run are told to come again", async () => {
  const to = Array.from({ length: 10 }, (_, i) => ({ localPart: `u${i}`, domain: "example.org" }));
  const transaction = await begin("/bin/cat", { to });
  const reply = await transaction.rcpt({ forwardPath: JOE });
  assertEquals([reply.code, reply.enhanced], [452, "4.5.3"]);
  transaction.abort();
});

Deno.test("mail data without a recipient is refused", async () => {
  assertEquals(await deliver("/bin/cat", { to: [] }), ["554 5.5.1 No valid recipients"]);
});
