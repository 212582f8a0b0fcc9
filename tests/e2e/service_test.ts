/** The server as a service of a real systemd: its sandbox, its words to systemd, and upgrades in place. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { freePort, peerTest } from "../peers.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { fileNames, readMailbox } from "./mailbox.ts";
import { eventually, isCurrent, runProgram } from "./smtpd.ts";
import { bootSystemd, type Machine, systemdTest, unitDirectory } from "./systemd.ts";
import { startUpgradeClients } from "./upgrade_clients.ts";

const decoder = new TextDecoder();

/** A machine whose server has the socket of a free port, and delivers mail for `local.test`. */
async function bootWithSocket(): Promise<Machine & { readonly port: number }> {
  const port = freePort();
  const machine = await bootSystemd({
    config: { port, hostname: "mx.smtpd.test", localDomain: ["local.test"] },
    socket: `[Socket]\nListenStream=\nListenStream=127.0.0.1:${port}\n`,
  });
  return { ...machine, port };
}

async function sendOne(port: number, subject = "one"): Promise<void> {
  using dialog = await Dialog.open(port);
  const content = octets(`Subject: ${subject}\r\n\r\nx\r\n`);
  const replies = await dialog.sendMail("a@client.test", ["box@local.test"], content);
  assertEquals(replies.at(-1)!.code, 250, replies.at(-1)!.text);
}

/** The subjects of what is in the one mailbox. */
function subjectsIn({ state }: Machine): string[] {
  return readMailbox(`${state}/mail/local.test/box`)
    .map((file) => /^Subject: (.*)\r\n/m.exec(decoder.decode(file))![1]);
}

/** What systemd says of the server. */
async function shown(machine: Machine, property: string): Promise<string> {
  return await machine.systemctl("show", "--value", `--property=${property}`, "smtpd.service");
}

// An executable that was made with an older Deno takes no sockets over, and says so.
if (isCurrent()) {
  systemdTest(
    "no client is refused and no message lost by reloads and upgrades under load",
    async () => {
      await using machine = await bootWithSocket();
      await machine.systemctl("start", "smtpd.socket", "smtpd.service");
      const clients = startUpgradeClients(machine.port);
      /** Waits until the clients have sent so many more: as much is under way all the time. */
      async function goOn(count: number): Promise<void> {
        const enough = clients.taken.size + count;
        await eventually(
          () => clients.taken.size >= enough || undefined,
          () => "clients stand still",
        );
      }
      for (const command of ["reload", "reload", "restart", "reload", "restart", "reload"]) {
        await goOn(300);
        await machine.systemctl(command, "smtpd.service");
      }
      await goOn(300);
      await clients.stop();
      await eventually(() => subjectsIn(machine).length >= clients.taken.size || undefined);
      await machine.systemctl("stop", "smtpd.socket", "smtpd.service");
      const delivered = subjectsIn(machine);
      assertEquals(new Set(delivered).size, delivered.length, "a message was delivered twice");
      assertEquals(new Set(delivered), clients.taken);
      assertEquals(machine.events("listening").length, 3);
      assertEquals(machine.events("stopped").length, 3);
      for (const bad of ["bug", "notify-failed", "accept-failed"]) {
        assertEquals(machine.events(bad), []);
      }
    },
  );

  systemdTest(
    "a client that comes while the server is down is greeted when it is back",
    async () => {
      await using machine = await bootWithSocket();
      await machine.systemctl("start", "smtpd.socket");
      // Nobody accepts yet: it is the socket of systemd that has this client, who starts the server.
      await sendOne(machine.port);
      const pid = await shown(machine, "MainPID");
      await machine.run("kill", "-KILL", pid);
      await sendOne(machine.port, "two");
      assert(await shown(machine, "MainPID") !== pid);
      // One that was being delivered when the server was killed may come twice.
      await eventually(() => new Set(subjectsIn(machine)).size === 2 || undefined);
    },
  );

  systemdTest(
    "the server in its sandbox is nobody's who could do harm, and tells how it is",
    async (t) => {
      await using machine = await bootWithSocket();
      await machine.systemctl("start", "smtpd.socket", "smtpd.service");
      await sendOne(machine.port);
      const pid = await shown(machine, "MainPID");
      const { text: status } = await machine.run("cat", `/proc/${pid}/status`);
      const inSandbox = (...command: string[]) =>
        machine.run("nsenter", "--target", pid, "--mount", "setpriv", "--reuid=977", ...command);
      const fields: readonly (readonly [field: string, value: RegExp])[] = [
        ["Uid", /^977\t977\t977\t977$/],
        ["Gid", /^977\t977\t977\t977$/],
        ["CapInh", /^0+$/],
        ["CapPrm", /^0+$/],
        ["CapEff", /^0+$/],
        ["CapBnd", /^0+$/],
        ["CapAmb", /^0+$/],
        ["NoNewPrivs", /^1$/],
        ["Seccomp", /^2$/],
      ];
      for (const [field, value] of fields) {
        await t.step(field, () => {
          assertMatch(new RegExp(`^${field}:\t(.*)$`, "m").exec(status)?.[1] ?? "", value);
        });
      }
      for (const path of ["/etc/x", "/usr/x", "/var/x", "/x"]) {
        await t.step(`${path} cannot be written`, async () => {
          assertMatch((await inSandbox("touch", path)).text, /Read-only file system/);
        });
      }
      await t.step("home directories are not to be seen", async () => {
        assertMatch((await inSandbox("ls", "/root")).text, /Permission denied/);
      });
      await t.step("descriptors", async () => {
        // What the system lets systemd give may be less.
        assertEquals(await shown(machine, "LimitNOFILE"), "65536");
      });
      await t.step("its state is its own", () => {
        const { uid, mode } = Deno.statSync(machine.state);
        assertEquals([uid, mode! & 0o777], [977, 0o700]);
      });
      await t.step("words", async () => {
        assertEquals(await shown(machine, "StatusText"), "Taking mail");
        await machine.systemctl("stop", "smtpd.socket", "smtpd.service");
        assertEquals(await shown(machine, "Result"), "success");
        assertEquals(fileNames(`${machine.state}/mail/local.test/box/new`).length, 1);
      });
    },
  );
}

/** A port that takes a right to bind, and that nobody has. */
function freeLowPort(): number {
  for (let port = 1023; port > 511; port--) {
    try {
      Deno.listen({ hostname: "127.0.0.1", port }).close();
      return port;
    } catch (error) {
      if (!(error instanceof Deno.errors.AddrInUse)) throw error;
    }
  }
  throw new Error("Cannot find a free port below 1024");
}

systemdTest("without the socket unit one capability is enough to bind a low port", async () => {
  const port = freeLowPort();
  const service = await Deno.readTextFile(`${unitDirectory}/bind.conf`);
  const config = { port, host: ["127.0.0.1"], localDomain: ["local.test"] };
  await using machine = await bootSystemd({ config, service });
  await machine.systemctl("start", "smtpd.service");
  await sendOne(port);
  const { text } = await machine.run("cat", `/proc/${await shown(machine, "MainPID")}/status`);
  // CAP_NET_BIND_SERVICE is number 10.
  for (const set of ["CapEff", "CapBnd"]) assertMatch(text, new RegExp(`^${set}:\t0+400$`, "m"));
  await machine.systemctl("reload", "smtpd.service");
  await machine.systemctl("restart", "smtpd.service");
  await sendOne(port);
  await eventually(() => subjectsIn(machine).length === 2 || undefined);
});

peerTest({
  name: "systemd finds nothing wrong with the units, and little exposed",
  needs: ["systemd-analyze"],
  async fn({ "systemd-analyze": analyze }) {
    const units = ["smtpd.service", "smtpd.socket"].map((name) => `${unitDirectory}/${name}`);
    const verified = await runProgram(analyze, ["verify", ...units]);
    // The program is not installed here.
    const said = verified.text.split("\n").filter((line) => !/is not executable/.test(line));
    assertEquals(said.join("\n"), "");
    const judged = await runProgram(analyze, ["security", "--offline=true", units[0]]);
    const [, exposure] = /exposure level for smtpd\.service: ([0-9.]+)/.exec(judged.text) ?? [];
    assert(Number(exposure) <= 2, judged.text);
  },
});
