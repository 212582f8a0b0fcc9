/** What can be told of the container image without building it. */
import { assert, assertEquals } from "@std/assert";
import { program, runProgram, sourceTest, startSmtpdUnder, temporaryDirectory } from "./smtpd.ts";
import { unitDirectory } from "./systemd.ts";

const root = new URL("../../", import.meta.url).pathname;

/** The user of `gcr.io/distroless/cc-debian12:nonroot`. */
const NONROOT = 65532;

/** The libraries that are in that image, of libc6 and libgcc-s1. */
const LIBRARIES = new Set([
  ...["libc.so.6", "libdl.so.2", "libgcc_s.so.1", "libm.so.6", "libpthread.so.0", "librt.so.1"],
  "ld-linux-x86-64.so.2",
  "ld-linux-aarch64.so.1",
]);

/** The steps of the Dockerfile, as words. */
const steps = Deno.readTextFileSync(`${unitDirectory}/Dockerfile`).split("\n")
  .filter((line) => /^[A-Z]/.test(line)).map((line) => line.split(/\s+/));

sourceTest(
  "what the image is built of is there, and its base is this version of Deno",
  async () => {
    const copied = steps.filter(([word, first]) => word === "COPY" && !first.startsWith("--"))
      .flatMap((words) => words.slice(1, -1));
    assert(copied.length > 0);
    for (const path of copied) await Deno.stat(`${root}${path}`);
    const [, base] = steps.find(([word]) => word === "FROM")!;
    const ci = await Deno.readTextFile(`${root}.ci/run`);
    assert(ci.includes(base.replace("denoland/deno:", "deno@")), base);
  },
);

/** Copies a file to where it has the same path below another root. */
async function copyBelow(directory: string, path: string): Promise<void> {
  const target = `${directory}${path}`;
  await Deno.mkdir(target.slice(0, target.lastIndexOf("/")), { recursive: true });
  await Deno.copyFile(path, target);
}

/** Becomes a program below another root, `$0`, as the user of the image. */
const ENTER = `mount -t proc none "$0/proc" &&
  exec chroot --userspec=${NONROOT}:${NONROOT} --groups= "$0" "$@"`;

/** Whether this may mount and change its root. */
const canEnter = Deno.build.os === "linux" && Deno.uid() === 0 &&
  new Deno.Command("unshare", {
    args: ["--mount", "sh", "-euc", "mount -t proc none /proc; exec chroot / true"],
    stderr: "null",
  }).outputSync().success;

const SERVES =
  "the executable serves where there is nothing but itself and the libraries of the image";

/** What is in the image is the executable. */
async function serveInImage(): Promise<void> {
  using directory = temporaryDirectory();
  const { path } = directory;
  const [file] = program;
  const { text } = await runProgram("ldd", [file]);
  const libraries = text.match(/\/\S+/g) ?? [];
  assert(libraries.length > 0, text);
  const unknown = libraries.filter((library) => !LIBRARIES.has(library.split("/").at(-1)!));
  assertEquals(unknown, []);
  for (const each of [file, ...libraries]) await copyBelow(path, each);
  await Deno.mkdir(`${path}/var/lib/smtpd`, { recursive: true });
  await Deno.chown(`${path}/var/lib/smtpd`, NONROOT, NONROOT);
  await Deno.mkdir(`${path}/proc`);
  // Every container has /proc; the executable finds itself by it.
  const enter = ["unshare", "--mount", "sh", "-c", ENTER, path];
  await using smtpd = await startSmtpdUnder(enter, "--queue", "/var/lib/smtpd");
  const [command, ...args] = [...enter, file, "ready", "--port", `${smtpd.port}`];
  assertEquals(await runProgram(command, args), { code: 0, text: "" });
  const { uid } = await Deno.stat(`${path}/var/lib/smtpd/queue.db`);
  assertEquals(uid, NONROOT);
}

if (program.length === 1) {
  if (canEnter) Deno.test(SERVES, serveInImage);
  else console.log(`not run, since this machine allows no other root: ${SERVES}`);
}
