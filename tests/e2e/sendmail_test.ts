/** Programs that hand their mail to sendmail(1): PHP, nodemailer, shell scripts, with and without a server. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { peerTest } from "../peers.ts";
import { eventually, program, runProgram, startSmtpd, temporaryDirectory } from "./smtpd.ts";

const scripts = new URL("scripts/", import.meta.url).pathname;

/** A program called `sendmail` that queues into a state directory. */
function sendmailFor(directory: string): string {
  const path = `${directory}/sendmail`;
  const quoted = program.map((word) => `'${word}'`).join(" ");
  const script = `#!/bin/sh\nexec ${quoted} sendmail --queue '${directory}/queue' "$@"\n`;
  Deno.writeTextFileSync(path, script, { mode: 0o755 });
  return path;
}

/** Starts a server whose Maildirs are in the directory. */
function startFor(directory: string, ...flags: string[]) {
  return startSmtpd(
    ...["--queue", `${directory}/queue`, "--maildir", `${directory}/mail`],
    ...["--local-domain", "local.test", ...flags],
  );
}

/** Waits for so many messages of joe's, and answers them. */
async function messages(directory: string, count: number): Promise<string[]> {
  const folder = `${directory}/mail/local.test/joe/new`;
  return await eventually(() => {
    try {
      const names = [...Deno.readDirSync(folder)].map(({ name }) => name);
      if (names.length < count) return undefined;
      return names.map((name) => Deno.readTextFileSync(`${folder}/${name}`));
    } catch {
      return undefined;
    }
  });
}

peerTest({
  name: "sendmail takes the mail of PHP, as sendmail_path calls it",
  needs: ["php"],
  async fn({ php }) {
    using directory = temporaryDirectory();
    const sendmail = sendmailFor(directory.path);
    await using _server = await startFor(directory.path);
    const code = `exit(mail("joe@local.test", "From PHP", "one\\n.\\ntwo\\n",
      "From: ann@local.test\\r\\nBcc: joe@local.test") ? 0 : 1);`;
    const args = ["-d", `sendmail_path=${sendmail} -t -i`, "-r", code];
    const { code: exit, text } = await runProgram(php, args);
    assertEquals(exit, 0, text);
    const [message] = await messages(directory.path, 1);
    assertMatch(message, /^To: joe@local\.test\r$/m);
    assertMatch(message, /^Subject: From PHP\r$/m);
    assertMatch(message, /^one\r\n\.\r\ntwo\r$/m);
    assert(!/^Bcc:/m.test(message), message);
  },
});

peerTest({
  name: "sendmail takes the mail of nodemailer's sendmail transport",
  needs: ["npm:nodemailer"],
  async fn({ "npm:nodemailer": modules }) {
    using directory = temporaryDirectory();
    const sendmail = sendmailFor(directory.path);
    await using _server = await startFor(directory.path);
    const args = [
      `${scripts}nodemailer_sendmail.cjs`,
      sendmail,
      "ann@local.test",
      "joe@local.test",
    ];
    const { code, text } = await runProgram("node", args, { env: { NODE_PATH: modules } });
    assertEquals(code, 0, text);
    const [message] = await messages(directory.path, 1);
    assertMatch(message, /^Return-Path: <ann@local\.test>\r$/m);
    assertMatch(message, /^Subject: By nodemailer\r$/m);
    assertMatch(message, /\r\none\r\n\.\r\ntwo\r$/m);
  },
});

Deno.test("two sendmail at once with the server down are both delivered once it is started", async () => {
  using directory = temporaryDirectory();
  const sendmail = sendmailFor(directory.path);
  const results = await Promise.all(
    ["one", "two"].map((word) =>
      runProgram(sendmail, ["-f", "ann@local.test", "joe@local.test"], {
        input: new TextEncoder().encode(`Subject: ${word}\n\nHello\n`),
      })
    ),
  );
  for (const { code, text } of results) assertEquals([code, text], [0, ""]);
  await using _server = await startFor(directory.path);
  const subjects = (await messages(directory.path, 2)).map((text) =>
    /^Subject: (.*)\r$/m.exec(text)?.[1]
  );
  assertEquals(subjects.sort(), ["one", "two"]);
});

Deno.test("commands reach the queue of a running server, which notices at once", async () => {
  using directory = temporaryDirectory();
  const sendmail = sendmailFor(directory.path);
  await using server = await startFor(directory.path, "--route", "hold");
  const queue = async (...args: string[]) => {
    const [file, ...before] = program;
    const { code, text } = await runProgram(file, [
      ...before,
      ...["queue", ...args, "--queue", `${directory.path}/queue`],
    ]);
    assertEquals(code, 0, text);
    return text;
  };
  const input = new TextEncoder().encode("Subject: held\n\nHello\n");
  const { code } = await runProgram(sendmail, ["-f", "joe@local.test", "bob@away.test"], { input });
  assertEquals(code, 0);
  const [line] = (await queue("list", "--json")).split("\n");
  const { id, recipients } = JSON.parse(line);
  assertEquals(recipients[0].state, "held");
  assertMatch(await queue("show", id.slice(0, 14)), /bob@away\.test/);
  assertMatch(await queue("bounce", id), /bounced 1 recipient/);
  // The notice goes to a local domain, which is not held.
  await server.event("delivered", { to: "joe@local.test" });
  const [notice] = await messages(directory.path, 1);
  assertMatch(notice, /^Action: failed\r$/m);
  assertMatch(await queue("list"), /^$|empty|0 messages/);
});
