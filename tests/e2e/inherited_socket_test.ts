/** Sockets that whoever starts the server passes on to it. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { BackgroundProcess, freePort, peerTest } from "../peers.ts";
import { LOCALHOST, makeAuthority } from "./certificates.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import {
  eventually,
  isCurrent,
  program,
  runProgram,
  startPassThrough,
  temporaryDirectory,
} from "./smtpd.ts";

/** Has systemd-socket-activate listen: the first client makes it become the server, and is its first. */
async function passOn(
  activate: string,
  port: number,
  ...flags: string[]
): Promise<BackgroundProcess> {
  const process = new BackgroundProcess(activate, [
    ...[`--listen=127.0.0.1:${port}`, ...program, "--no-queue", "--route", "discard"],
    ...["--hostname", "mx.smtpd.test", "--log-format", "json", ...flags],
  ]);
  await process.line(/^Listening on /);
  return process;
}

if (isCurrent()) {
  peerTest({
    name: "a socket that is passed on is where the service of its port listens",
    needs: ["systemd-socket-activate"],
    async fn({ "systemd-socket-activate": activate }) {
      const port = freePort();
      // The address is that of the socket, whatever --host says.
      const flags = ["--port", `${port}`, "--host", "127.0.0.2", "--max-size", "64MiB"];
      await using smtpd = await passOn(activate, port, ...flags);
      using first = await Dialog.open(port);
      await smtpd.line(/"event":"listening","address":"127\.0\.0\.1"/);
      const large = octets(`Subject: x\r\n\r\n${`${"x".repeat(62)}\r\n`.repeat(100_000)}`);
      const replies = await first.sendMail("a@client.test", ["b@other.test"], large);
      assertEquals(replies.map(({ code }) => code), [250, 250, 354, 250]);
      // One that waits is told when the server goes, as it is at a socket of the server's own.
      using idle = await Dialog.open(port);
      const { code } = await smtpd.stop("SIGTERM");
      assertEquals(code, 0, smtpd.output);
      assertEquals((await idle.reply()).code, 421);
      assert(await idle.isClosed());
    },
  });

  peerTest({
    name: "a session on a socket that was passed on can be secured",
    needs: ["systemd-socket-activate", "swaks", "perl:Net::SSLeay", "openssl"],
    async fn({ "systemd-socket-activate": activate, swaks }) {
      using directory = temporaryDirectory();
      const authority = await makeAuthority(directory.path);
      const { certificate, key } = await authority.issue("server", { names: [LOCALHOST] });
      const port = freePort();
      const tls = ["--tls-cert", certificate, "--tls-key", key];
      await using _ = await passOn(activate, port, "--port", `${port}`, ...tls);
      const { code, text } = await runProgram(swaks, [
        ...["--server", `127.0.0.1:${port}`, "--tls", "--helo", "client.test"],
        ...["--from", "a@client.test", "--to", "b@other.test"],
      ]);
      assertEquals(code, 0, text);
      assertMatch(text, /=== TLS started/);
    },
  });

  peerTest({
    name: "a socket whose port no service has ends the server, and says why",
    needs: ["systemd-socket-activate"],
    async fn({ "systemd-socket-activate": activate }) {
      const port = freePort();
      await using smtpd = await passOn(activate, port, "--port", `${freePort()}`);
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      const [line] = await smtpd.line(/^smtpd: .*/);
      assertEquals(
        line,
        `smtpd: cannot use a socket of port ${port}, which no service has: ` +
          "mend the socket unit of smtpd, or stop it and let smtpd bind its ports",
      );
    },
  });
} else {
  peerTest({
    name: "a server that takes no sockets over says so",
    needs: ["systemd-socket-activate"],
    async fn({ "systemd-socket-activate": activate }) {
      const port = freePort();
      await using smtpd = await passOn(activate, port, "--port", `${port}`);
      (await Deno.connect({ hostname: "127.0.0.1", port })).close();
      await smtpd.line(/^smtpd: cannot use descriptor 3, .* 2\.4\.\d+ \(2\.8 can\): mend the/);
    },
  });
}

Deno.test("a server of root's that others can reach says that it should not be", async () => {
  for (const [host, isReachable] of [["0.0.0.0", true], ["127.0.0.1", false]] as const) {
    await using smtpd = await startPassThrough("--host", host);
    const isRoots = Deno.build.os !== "windows" && Deno.uid() === 0;
    const expected = isReachable && isRoots ? 1 : 0;
    await eventually(() => smtpd.events("running-as-root").length === expected || undefined);
  }
});
