/**
 * A real systemd that runs the units of lib/cli/service/ as they are, as the first process of namespaces of
 * its own: it has the network of this host, and files of its own where it writes.
 */
import { assertEquals } from "@std/assert";
import { BackgroundProcess, peerTest } from "../peers.ts";
import { eventually, type LogEvent, program, runProgram, temporaryDirectory } from "./smtpd.ts";

const root = new URL("../../", import.meta.url).pathname;

/** Where the units are. */
export const unitDirectory = `${root}lib/cli/service`;

/**
 * What the first process does before it becomes systemd. `$1` is a directory with `units`, `local`, `var`,
 * and `etc` for what is added to /etc; `$1/binds` says where else files of this host are to be seen.
 */
const BOOT = `
set -eu
mount --make-rprivate /
umount --lazy /sys/fs/cgroup
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs none /run
mkdir /run/etc
cp -a /etc/. "$1/etc/." /run/etc
mount --bind /run/etc /etc
while read -r from to; do mount --bind "$from" "$1/local/$to"; done < "$1/binds"
mount --rbind "$1/local" /usr/local
mount --bind "$1/var" /var/lib
echo smtpd:x:977:977::/var/lib/smtpd:/usr/sbin/nologin >> /etc/passwd
echo smtpd:x:977: >> /etc/group
exec env -i PATH=/usr/sbin:/usr/bin container=other SYSTEMD_UNIT_PATH="$1/units" \\
  /lib/systemd/systemd --system --unit=none.target --log-target=console --show-status=no
`;

/** Enters a cgroup that is to be the root of those that systemd makes, and starts the above. */
const ENTER = `
set -eu
group=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)/smtpd-test-$$
mkdir "$group"
echo $$ > "$group/cgroup.procs"
echo "group $group"
exec unshare --mount --pid --fork --ipc --uts --cgroup --mount-proc --kill-child sh -c "$2" sh "$1"
`;

/** What the machine has to allow for the above; nothing of it stays. */
const PROBE = `
set -eu
group=$(findmnt --noheadings --first-only --types cgroup2 --output TARGET)/smtpd-probe-$$
mkdir "$group"
rmdir "$group"
exec unshare --mount --pid --fork --ipc --uts --cgroup --mount-proc sh -euc '
  mount --make-rprivate /
  umount --lazy /sys/fs/cgroup
  mount -t cgroup2 none /sys/fs/cgroup
  mount -t tmpfs none /run'
`;

/** Whether a systemd can be booted here. */
const canBoot = Deno.build.os === "linux" && Deno.uid() === 0 &&
  new Deno.Command("sh", { args: ["-c", PROBE] }).outputSync().success;

/**
 * Registers a test that boots systemd. Where root may not make what that takes, which is no matter of what is
 * installed, it says so by name.
 */
export function systemdTest(name: string, fn: (t: Deno.TestContext) => Promise<void>): void {
  if (canBoot) peerTest({ name, needs: ["systemctl"], fn: (_, t) => fn(t) });
  else console.log(`not run, since this machine allows no systemd of its own: ${name}`);
}

/** How the units differ from what is shipped: for the ports of a test, and where its files are. */
export interface MachineOptions {
  /** The config file. */
  readonly config: Readonly<Record<string, unknown>>;
  /** A drop-in of smtpd.service. */
  readonly service?: string;
  /** A drop-in of smtpd.socket; without one there is no such unit. */
  readonly socket?: string;
}

/** A systemd that runs. */
export interface Machine extends AsyncDisposable {
  /** Where the state of the server is, seen from here. */
  readonly state: string;
  /** Runs systemctl, and fails where that does. */
  systemctl(...args: string[]): Promise<string>;
  /** Runs a program beside the server, as root of its files. */
  run(...command: string[]): Promise<{ readonly code: number; readonly text: string }>;
  /** What the server has logged so far, all of its lives together. */
  events(name?: string): LogEvent[];
}

/** Has the program where the unit expects it; from source with all that belongs to it. */
async function install(directory: string): Promise<void> {
  const [file, ...args] = program;
  const local = `${directory}/local`;
  await Deno.mkdir(`${local}/bin`, { recursive: true });
  await Deno.writeTextFile(`${local}/bin/smtpd`, "");
  if (args.length === 0) {
    return await Deno.writeTextFile(`${directory}/binds`, `${file} bin/smtpd\n`);
  }
  const { code, text } = await runProgram(file, ["info", "--json"]);
  assertEquals(code, 0, text);
  const { denoDir } = JSON.parse(text.slice(text.indexOf("{")));
  const call = `#!/bin/sh
DENO_DIR=/usr/local/deno exec /usr/local/bin/deno run -q -P /usr/local/smtpd/main.ts "$@"
`;
  await Deno.writeTextFile(`${local}/bin/smtpd`, call);
  await Deno.chmod(`${local}/bin/smtpd`, 0o755);
  await Deno.writeTextFile(`${local}/bin/deno`, "");
  for (const name of ["smtpd", "deno"]) await Deno.mkdir(`${local}/${name}`);
  const binds = [`${file} bin/deno`, `${root} smtpd`, `${denoDir} deno`];
  await Deno.writeTextFile(`${directory}/binds`, `${binds.join("\n")}\n`);
}

/** Boots a systemd that has the units and has started none. */
export async function bootSystemd(options: MachineOptions): Promise<Machine> {
  await using made = new AsyncDisposableStack();
  const { path } = made.use(temporaryDirectory());
  const units = `${path}/units`;
  for (const name of ["units", "units/smtpd.service.d", "var", "etc"]) {
    await Deno.mkdir(`${path}/${name}`);
  }
  await install(path);
  await Deno.writeTextFile(`${path}/etc/smtpd.json`, JSON.stringify(options.config));
  await Deno.writeTextFile(`${units}/none.target`, "[Unit]\nDescription=Nothing\n");
  await Deno.copyFile(`${unitDirectory}/smtpd.service`, `${units}/smtpd.service`);
  const log = `${path}/log`;
  await Deno.writeTextFile(
    `${units}/smtpd.service.d/test.conf`,
    // There are neither a journal nor the targets of a whole system.
    `[Unit]\nDefaultDependencies=no\n[Service]\nStandardError=append:${log}\n${
      options.service ?? ""
    }\n`,
  );
  if (options.socket !== undefined) {
    await Deno.mkdir(`${units}/smtpd.socket.d`);
    await Deno.copyFile(`${unitDirectory}/smtpd.socket`, `${units}/smtpd.socket`);
    await Deno.writeTextFile(
      `${units}/smtpd.socket.d/test.conf`,
      `[Unit]\nDefaultDependencies=no\n${options.socket}\n`,
    );
  }
  const process = new BackgroundProcess("sh", ["-c", ENTER, "sh", path, BOOT]);
  const [, group] = await process.line(/^group (.*)/);
  made.defer(async () => {
    // The first process of its namespace takes the others with it.
    await process.stop("SIGKILL");
    await eventually(async () => {
      const { text } = await runProgram("find", [group, "-depth", "-type", "d", "-delete"]);
      return text === "" || undefined;
    }, () => `${group} is in use`);
  });
  const pid = await eventually(async () => {
    const { text } = await runProgram("pgrep", ["--parent", `${process.pid}`]);
    return text.trim() || undefined;
  }, () => process.output);
  const run = (...command: string[]) =>
    runProgram("nsenter", ["--target", pid, "--mount", "--pid", ...command]);
  await eventually(async () => {
    const { text } = await run("systemctl", "is-system-running");
    return /^(?:running|degraded)/.test(text) || undefined;
  }, () => process.output);

  function events(name?: string): LogEvent[] {
    const lines = Deno.readTextFileSync(log).split("\n").slice(0, -1);
    const all = lines.map((line): LogEvent => JSON.parse(line));
    return name === undefined ? all : all.filter(({ event }) => event === name);
  }

  async function systemctl(...args: string[]): Promise<string> {
    const { code, text } = await run("systemctl", ...args);
    assertEquals(code, 0, `${text}\n${process.output}`);
    return text.trimEnd();
  }

  const owned = made.move();
  return {
    state: `${path}/var/smtpd`,
    systemctl,
    run,
    events,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}
