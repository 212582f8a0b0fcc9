/** What is accepted survives the end of the server, however it ends, and is delivered once. */
import { assert, assertEquals } from "@std/assert";
import { listen } from "../../lib/mod.ts";
import { freePort } from "../peers.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { eventually, type Smtpd, startSmtpd, temporaryDirectory } from "./smtpd.ts";

const COUNT = 30;

/** Sends messages numbered from 0 on to domains of which each has three. */
async function sendAll({ port }: Smtpd): Promise<void> {
  using dialog = await Dialog.open(port);
  for (let i = 0; i < COUNT; i++) {
    const to = [`b${i}@d${i % 10}.test`];
    const replies = await dialog.sendMail(
      "a@client.test",
      to,
      octets(`Subject: ${i}\r\n\r\nx\r\n`),
    );
    assertEquals(replies.map(({ code }) => code), [250, 250, 354, 250]);
  }
}

const ALL = Array.from({ length: COUNT }, (_, i) => i);

/** A host that keeps the numbers of the messages it takes, and takes none before it is told to. */
function startHost(port = 0) {
  const offered: number[] = [];
  const taken: number[] = [];
  const gate = Promise.withResolvers<void>();
  const server = listen({ port, hosts: ["127.0.0.1"] }, async (session) => {
    for await (const mail of session.process()) {
      const [, number] = /^Subject: (\d+)\r$/m.exec(await mail.text())!;
      offered.push(Number(number));
      await gate.promise;
      taken.push(Number(number));
      mail.accept();
    }
  });
  return { server, offered, taken, open: () => gate.resolve() };
}

/** Waits until a host has taken every message, and checks that each came once. */
async function assertAllOnce(smtpd: Smtpd, taken: readonly number[]): Promise<void> {
  await eventually(
    () => taken.length >= COUNT || undefined,
    () => `there are ${taken.length}: ${JSON.stringify(smtpd.events("deferred").slice(-3))}`,
  );
  assertEquals(taken.toSorted((a, b) => a - b), ALL);
}

Deno.test("what was accepted before SIGKILL and not delivered is delivered by the next server", async () => {
  using directory = temporaryDirectory();
  const port = freePort();
  const flags = ["--queue", directory.path, "--retry", "1s", "--route", `smtp://127.0.0.1:${port}`];
  const first = await startSmtpd(...flags);
  // Nobody listens yet: some were tried when it is killed, and some were not.
  await sendAll(first);
  await first.kill();
  const { server, taken, open } = startHost(port);
  await using _ = server;
  open();
  await using second = await startSmtpd(...flags);
  await assertAllOnce(second, taken);
});

Deno.test("what was being delivered when SIGKILL came is delivered by the next server", async () => {
  using directory = temporaryDirectory();
  const stuck = startHost();
  await using _stuck = stuck.server;
  const flags = (port: number) => [
    ...["--queue", directory.path, "--retry", "1s", "--route", `smtp://127.0.0.1:${port}`],
  ];
  const first = await startSmtpd(...flags(stuck.server.port));
  await sendAll(first);
  await eventually(() => stuck.offered.length > 0 || undefined);
  await first.kill();
  stuck.open();
  const { server, taken, open } = startHost();
  await using _ = server;
  open();
  // The leases of the first server hold nothing up.
  await using second = await startSmtpd(...flags(server.port));
  await assertAllOnce(second, taken);
});

Deno.test("SIGTERM lets deliveries under way end, and the next server does the rest", async () => {
  using directory = temporaryDirectory();
  const { server, offered, taken, open } = startHost();
  await using _ = server;
  const flags = [
    ...["--queue", directory.path, "--retry", "1s"],
    ...["--route", `smtp://127.0.0.1:${server.port}`],
  ];
  const first = await startSmtpd(...flags);
  await sendAll(first);
  await eventually(() => offered.length > 0 || undefined);
  const stopped = first.stop();
  await first.event("draining");
  open();
  await stopped;
  const before = taken.length;
  assertEquals(offered.length, before);
  assert(before > 0 && before < COUNT, `${before} were delivered`);
  assertEquals(first.events("delivered").length, before);
  await using second = await startSmtpd(...flags);
  await assertAllOnce(second, taken);
});
