/** Clients that begin TLS and do not go on. */
import { assert, assertEquals } from "@std/assert";
import { MX } from "../net/tls_fixture.ts";
import { beginHandshakes, knock } from "./crowd.ts";
import { startBehindProxy } from "./proxied.ts";
import { eventually, memoryTest, openFiles, temporaryDirectory } from "./smtpd.ts";

memoryTest("handshakes that do not go on are ended, and their places are free again", async () => {
  using directory = temporaryDirectory();
  const count = 60;
  await Deno.writeTextFile(`${directory.path}/mx.crt`, MX.certificate);
  await Deno.writeTextFile(`${directory.path}/mx.key`, MX.key, { mode: 0o600 });
  await using smtpd = await startBehindProxy(
    directory.path,
    {},
    ...["--tls-port", "0", "--max-connections", `${count}`, "--timeout", "3s"],
    ...["--tls-cert", `${directory.path}/mx.crt`, "--tls-key", `${directory.path}/mx.key`],
  );
  const { port } = smtpd;
  const tlsPort = Number(
    smtpd.events("listening").map((event) => event.port).find((other) => other !== port),
  );
  const before = await openFiles(smtpd.pid);
  const { ended } = await beginHandshakes({ port, tlsPort }, count, 0);
  assertEquals(await knock(port, 10, 1_000, 0), new Map([[421, 10]]));
  const times = await ended;
  assert(Math.min(...times) > 2_000 && Math.max(...times) < 6_000, `${times}`);
  await eventually(() => smtpd.events("tls-failed").length >= count || undefined);
  assertEquals(await knock(port, count, 2_000, 10), new Map([[220, count]]));
  await eventually(async () => await openFiles(smtpd.pid) <= before || undefined);
});
