import { assert, assertEquals, assertMatch } from "@std/assert";
import { Maildir, type MaildirOptions } from "../../lib/delivery/maildir.ts";
import type { Clock } from "../../lib/net/clock.ts";
import type { Mailbox } from "../../lib/smtp/mailbox.ts";

const encoder = new TextEncoder();
const TRACE = "Received: from a by b; Mon, 1 Jan 2024 00:00:00 +0000\r\n";
const SENDER: Mailbox = { localPart: "sender", domain: "example.net" };
const HEAD = `Return-Path: <sender@example.net>\r\n${TRACE}`;

const clock: Clock = {
  now: () => 1_700_000_000_123,
  after: () => {
    throw new Error("nothing here waits");
  },
};

function box(localPart: string, domain = "example.org"): Mailbox {
  return { localPart, domain };
}

function maildir(root: string, options: Partial<MaildirOptions> = {}): Maildir {
  return new Maildir({
    root,
    localDomains: ["example.org", "Bücher.example"],
    hostname: "mx.example.org",
    clock,
    random: () => 0.5,
    ...options,
  });
}

/** Runs a test in a directory of its own. */
async function inDirectory(test: (root: string) => Promise<void>): Promise<void> {
  const root = await Deno.makeTempDir({ prefix: "maildir_test_" });
  try {
    await test(root);
  } finally {
    await Deno.remove(root, { recursive: true });
  }
}

/** Delivers and answers the codes of the replies, the last one being that of the message. */
async function deliver(
  mail: Maildir,
  to: Mailbox[],
  content: string | Uint8Array = "A: b\r\n\r\nhi\r\n",
  slice = 1 << 20,
): Promise<string> {
  const transaction = mail.begin({ reversePath: SENDER });
  for (const mailbox of to) {
    const reply = transaction.rcpt({ forwardPath: mailbox });
    if (reply.code !== 250) return `${reply.code} ${reply.enhanced}`;
  }
  const refusal = await transaction.data(TRACE);
  if (refusal !== undefined) {
    await transaction.abort();
    return `${refusal.code} ${refusal.enhanced}`;
  }
  const octets = typeof content === "string" ? encoder.encode(content) : content;
  for (let i = 0; i < octets.length; i += slice) {
    const part = octets.slice(i, i + slice);
    await transaction.write(part);
    part.fill(0x58);
  }
  const { code, enhanced } = await transaction.end();
  return `${code} ${enhanced}`;
}

/** The files below a directory, by their path, without the mailboxes' own directories. */
async function files(root: string, under = ""): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of Deno.readDir(`${root}/${under}`)) {
    const path = under === "" ? entry.name : `${under}/${entry.name}`;
    if (entry.isDirectory) found.push(...await files(root, path));
    else found.push(path);
  }
  return found.sort();
}

/** Puts another function in the place of one of Deno's while a test runs. */
async function replacing<K extends "link" | "open" | "rename" | "mkdir" | "copyFile">(
  name: K,
  replacement: (original: typeof Deno[K]) => typeof Deno[K],
  test: () => Promise<void>,
): Promise<void> {
  const original = Deno[name];
  Deno[name] = replacement(original);
  try {
    await test();
  } finally {
    Deno[name] = original;
  }
}

Deno.test("a delivered message is Return-Path, Received, and what was sent, octet by octet", async () => {
  const everyOctet = new Uint8Array(256).map((_, i) => i);
  const contents: [string, Uint8Array][] = [
    ["empty", new Uint8Array(0)],
    ["short", encoder.encode("A: b\r\n\r\nhi\r\n.\r\n..\r\n")],
    ["every octet", everyOctet],
    ["around the buffer", new Uint8Array(64 * 1024).map((_, i) => i * 7)],
    ["large", new Uint8Array(3_000_000).map((_, i) => i * 31 >> 3)],
  ];
  for (const [name, content] of contents) {
    for (const slice of [content.length < 1000 ? 1 : 999, 20_000, 32_768, 65_536, 1 << 20]) {
      await inDirectory(async (root) => {
        assertEquals(await deliver(maildir(root), [box("joe")], content, slice), "250 2.0.0", name);
        const [path, ...others] = await files(root);
        assertEquals(others, []);
        assertMatch(path, /^example\.org\/joe\/new\/[^/]+$/);
        const octets = await Deno.readFile(`${root}/${path}`);
        const head = encoder.encode(HEAD);
        assertEquals(new TextDecoder().decode(octets.subarray(0, head.length)), HEAD);
        assertEquals(octets.length, head.length + content.length);
        assert(octets.subarray(head.length).every((octet, i) => octet === content[i]), name);
      });
    }
  }
});

Deno.test("a Maildir for any domain takes each into a directory of its own", async () => {
  await inDirectory(async (root) => {
    const anywhere = maildir(root, { anyDomain: true, localDomains: [] });
    assertEquals(await deliver(anywhere, [box("joe", "Other.TEST"), box("ann")]), "250 2.0.0");
    const found = (await files(root)).map((path) => path.replace(/[^/]+$/, ""));
    assertEquals(found, ["example.org/ann/new/", "other.test/joe/new/"]);
    for (const domain of ["[192.0.2.1]", "", "..", "a/../b"]) {
      assertEquals(await deliver(anywhere, [box("joe", domain)]), "550 5.1.2", domain);
    }
  });
});

Deno.test("a null reverse-path is written <>", async () => {
  await inDirectory(async (root) => {
    const transaction = maildir(root).begin({ reversePath: null });
    transaction.rcpt({ forwardPath: box("joe") });
    await transaction.data(TRACE);
    assertEquals((await transaction.end()).code, 250);
    const [path] = await files(root);
    assertEquals(await Deno.readTextFile(`${root}/${path}`), `Return-Path: <>\r\n${TRACE}`);
  });
});

Deno.test("a mailbox is made below roots that are not there, for its owner only", async () => {
  await inDirectory(async (root) => {
    assertEquals(await deliver(maildir(`${root}/a/b/c`), [box("joe")]), "250 2.0.0");
    const mailbox = `${root}/a/b/c/example.org/joe`;
    for (const path of ["", "/tmp", "/new", "/cur", "/..", "/../.."]) {
      const { isDirectory, mode } = await Deno.stat(mailbox + path);
      assert(isDirectory);
      if (mode !== null) assertEquals(mode & 0o777, 0o700, path);
    }
    const [path] = await files(root);
    const { mode } = await Deno.stat(`${root}/${path}`);
    if (mode !== null) assertEquals(mode & 0o777, 0o600);
  });
});

const ADDRESSES: [string, Mailbox, string][] = [
  ["a mailbox", box("joe"), "example.org/joe"],
  ["a mailbox in capitals", box("JOE", "EXAMPLE.ORG"), "example.org/joe"],
  ["a domain in U-labels", box("joe", "bücher.example"), "xn--bcher-kva.example/joe"],
  ["a domain in A-labels", box("joe", "XN--BCHER-KVA.example"), "xn--bcher-kva.example/joe"],
  ["a local part in UTF-8", box("Jürgen"), "example.org/j%c3%bcrgen"],
  ["the bare Postmaster", box("PostMaster", ""), "example.org/postmaster"],
  ["a path", box("../../joe"), "example.org/%2e.%2f..%2fjoe"],
  ["dots", box(".."), "example.org/%2e%2e"],
  ["an address in an address", box("a@other.example"), "example.org/a%40other.example"],
  ["another bare name", box("joe", ""), "550 5.1.2"],
  ["another domain", box("joe", "example.com"), "550 5.1.2"],
  ["a subdomain", box("joe", "a.example.org"), "550 5.1.2"],
  ["an address literal", box("joe", "[127.0.0.1]"), "550 5.1.2"],
  ["a domain that is a path", box("joe", "../example.org"), "550 5.1.2"],
  ["a domain that objects have", box("joe", "__proto__"), "550 5.1.2"],
  ["an empty local part", box(""), "553 5.1.3"],
  ["a local part too long for a directory", box("/".repeat(86)), "553 5.1.3"],
];

for (const [name, mailbox, expected] of ADDRESSES) {
  Deno.test(`mail for ${name} goes to ${expected}`, async () => {
    await inDirectory(async (root) => {
      const mail = maildir(`${root}/mail`);
      const outcome = await deliver(mail, [mailbox]);
      if (outcome === "250 2.0.0") {
        const [path, ...others] = await files(root);
        assertEquals(path.split("/new/")[0], `mail/${expected}`);
        assertEquals(others, []);
        assertEquals(mail.locate(mailbox), `${root}/mail/${expected}`);
      } else {
        assertEquals(outcome, expected);
        assertEquals(await files(root), []);
      }
    });
  });
}

Deno.test("names of files are those of Maildir and never the same", async () => {
  await inDirectory(async (root) => {
    const mail = maildir(root, { hostname: "a/b:c" });
    await deliver(mail, [box("joe")]);
    await deliver(mail, [box("joe")]);
    assertEquals(
      (await files(root)).map((path) => path.split("/new/")[1]),
      [0, 1].map((n) => `1700000000.M123000P${Deno.pid}Q${n}R80000000.a\\057b\\072c`),
    );
  });
});

Deno.test("a hundred deliveries to one mailbox at once all arrive", async () => {
  await inDirectory(async (root) => {
    const mail = maildir(root);
    const outcomes = await Promise.all(
      Array.from({ length: 100 }, (_, i) => deliver(mail, [box("joe")], `N: ${i}\r\n`)),
    );
    assertEquals(new Set(outcomes), new Set(["250 2.0.0"]));
    const paths = await files(root);
    assertEquals(paths.length, 100);
    assert(paths.every((path) => path.startsWith("example.org/joe/new/")));
    const texts = await Promise.all(paths.map((path) => Deno.readTextFile(`${root}/${path}`)));
    assertEquals(new Set(texts).size, 100);
  });
});

Deno.test("several recipients share one file, and each mailbox gets it once", async () => {
  await inDirectory(async (root) => {
    const to = [box("joe"), box("ann"), box("JOE"), box("bob", "bücher.example")];
    assertEquals(await deliver(maildir(root), to), "250 2.0.0");
    const paths = await files(root);
    assertEquals(paths.map((path) => path.split("/new/")[0]), [
      "example.org/ann",
      "example.org/joe",
      "xn--bcher-kva.example/bob",
    ]);
    const inodes = new Set<number | null>();
    for (const path of paths) inodes.add((await Deno.stat(`${root}/${path}`)).ino);
    assertEquals(inodes.size, 1);
  });
});

Deno.test("several recipients get copies where links cannot be made", async () => {
  await inDirectory(async (root) => {
    await replacing("link", () => () => Promise.reject(new Error("no links here")), async () => {
      assertEquals(await deliver(maildir(root), [box("joe"), box("ann")], "x"), "250 2.0.0");
    });
    const paths = await files(root);
    assertEquals(paths.map((path) => path.split("/new/")[0]), [
      "example.org/ann",
      "example.org/joe",
    ]);
    for (const path of paths) {
      assertEquals(await Deno.readTextFile(`${root}/${path}`), `${HEAD}x`);
      const { mode } = await Deno.stat(`${root}/${path}`);
      if (mode !== null) assertEquals(mode & 0o777, 0o600);
    }
  });
});

Deno.test("an aborted delivery leaves nothing, whatever was written", async () => {
  await inDirectory(async (root) => {
    const mail = maildir(root);
    const nothing = mail.begin({ reversePath: SENDER });
    await nothing.abort();
    for (const size of [0, 10, 1_000_000]) {
      const transaction = mail.begin({ reversePath: SENDER });
      transaction.rcpt({ forwardPath: box("joe") });
      await transaction.data(TRACE);
      assertEquals((await files(root)).length, 1);
      await transaction.write(new Uint8Array(size));
      await transaction.abort();
      assertEquals(await files(root), []);
      assertEquals((await transaction.end()).code, 451);
      assertEquals(await files(root), []);
    }
    // Without waiting for what is under way.
    const hasty = mail.begin({ reversePath: SENDER });
    hasty.rcpt({ forwardPath: box("joe") });
    const opening = hasty.data(TRACE);
    await hasty.abort();
    await opening;
    assertEquals(await files(root), []);
  });
});

Deno.test("an abort during the end or after it takes nothing back", async () => {
  await inDirectory(async (root) => {
    const transaction = maildir(root).begin({ reversePath: SENDER });
    transaction.rcpt({ forwardPath: box("joe") });
    await transaction.data(TRACE);
    const ending = transaction.end();
    await transaction.abort();
    assertEquals((await ending).code, 250);
    await transaction.abort();
    assertEquals((await files(root)).length, 1);
    assertEquals((await transaction.end()).code, 451);
    assertEquals((await files(root)).length, 1);
  });
});

Deno.test("mail data without a recipient is refused", async () => {
  await inDirectory(async (root) => {
    assertEquals(await deliver(maildir(root), []), "554 5.5.1");
    assertEquals(await files(root), []);
  });
});

Deno.test("a Maildir that is removed while the server runs is made again", async () => {
  await inDirectory(async (root) => {
    const mail = maildir(`${root}/mail`);
    for (const gone of ["example.org/joe/tmp", "example.org/joe", "example.org", ""]) {
      assertEquals(await deliver(mail, [box("joe")]), "250 2.0.0");
      await Deno.remove(`${root}/mail/${gone}`, { recursive: true });
      if (gone === "") assertEquals(await deliver(mail, [box("ann")]), "250 2.0.0");
      else assertEquals(await deliver(mail, [box("joe")]), "250 2.0.0", gone);
      assertEquals((await files(root)).length, gone === "example.org/joe/tmp" ? 2 : 1);
    }
  });
});

Deno.test("a new that is removed during a delivery is made again", async () => {
  await inDirectory(async (root) => {
    const transaction = maildir(root).begin({ reversePath: SENDER });
    transaction.rcpt({ forwardPath: box("joe") });
    transaction.rcpt({ forwardPath: box("ann") });
    await transaction.data(TRACE);
    await Deno.remove(`${root}/example.org/joe/new`);
    await Deno.remove(`${root}/example.org/ann`, { recursive: true });
    assertEquals((await transaction.end()).code, 250);
    assertEquals((await files(root)).length, 2);
  });
});

Deno.test("a tmp that is removed during a delivery fails it for now, for everybody", async () => {
  await inDirectory(async (root) => {
    const transaction = maildir(root).begin({ reversePath: SENDER });
    transaction.rcpt({ forwardPath: box("joe") });
    transaction.rcpt({ forwardPath: box("ann") });
    await transaction.data(TRACE);
    await Deno.remove(`${root}/example.org/joe/tmp`, { recursive: true });
    assertEquals((await transaction.end()).code, 451);
    assertEquals(await files(root), []);
  });
});

Deno.test("what a crash left in tmp is never delivered, and goes when it is old", async () => {
  await inDirectory(async (root) => {
    const tmp = `${root}/example.org/joe/tmp`;
    await Deno.mkdir(tmp, { recursive: true });
    await Deno.writeTextFile(`${tmp}/old`, "half a mess");
    await Deno.writeTextFile(`${tmp}/young`, "half a mess");
    const now = clock.now() / 1000;
    await Deno.utime(`${tmp}/old`, now, now - 37 * 3600);
    await Deno.utime(`${tmp}/young`, now, now - 35 * 3600);
    assertEquals(await deliver(maildir(root), [box("joe")]), "250 2.0.0");
    const paths = await files(root);
    assertEquals(paths.length, 2);
    assertMatch(paths[0], /joe\/new\/1700000000\./);
    assertEquals(paths[1], "example.org/joe/tmp/young");
  });
});

Deno.test({
  name: "a mailbox that is a symbolic link is followed, and a link in tmp is not",
  ignore: Deno.build.os === "windows",
  fn: () =>
    inDirectory(async (root) => {
      await Deno.mkdir(`${root}/home`);
      await Deno.mkdir(`${root}/mail/example.org`, { recursive: true });
      await Deno.symlink(`${root}/home`, `${root}/mail/example.org/joe`);
      const mail = maildir(`${root}/mail`);
      assertEquals(await deliver(mail, [box("joe")]), "250 2.0.0");
      assertEquals((await files(`${root}/home`)).length, 1);
      // Two names of one directory are two mailboxes, as they are to other deliverers.
      await Deno.symlink(`${root}/home`, `${root}/mail/example.org/ann`);
      assertEquals(await deliver(mail, [box("joe"), box("ann")]), "250 2.0.0");
      assertEquals((await files(`${root}/home`)).length, 3);

      const name = `1700000000.M123000P${Deno.pid}Q0R80000000.mx.example.org`;
      await Deno.symlink(`${root}/elsewhere`, `${root}/home/tmp/${name}`);
      assertEquals(await deliver(maildir(`${root}/mail`), [box("joe")]), "451 4.3.0");
      assertEquals((await files(root)).includes("elsewhere"), false);
    }),
});

for (const path of ["", "/example.org", "/example.org/joe", "/example.org/joe/tmp"]) {
  Deno.test(`a file in place of ROOT${path} is a transient failure`, async () => {
    await inDirectory(async (root) => {
      const events: string[] = [];
      const mail = maildir(`${root}/mail`, {
        log: (level, event, fields) => events.push(`${level} ${event} ${fields.error}`),
      });
      const parent = `${root}/mail${path}`.replace(/\/[^/]*$/, "");
      await Deno.mkdir(parent, { recursive: true });
      await Deno.writeTextFile(`${root}/mail${path}`, "in the way");
      assertEquals(await deliver(mail, [box("joe")]), "451 4.3.0");
      assertEquals(await files(root), [`mail${path}`]);
      assertEquals(events.length, 1);
      assertMatch(events[0], /^error delivery-failed /);
      // And it is over once the cause is.
      await Deno.remove(`${root}/mail${path}`);
      assertEquals(await deliver(mail, [box("joe")]), "250 2.0.0");
    });
  });
}

/** Fails a file's operation once it has been called so many times, with the system's words. */
function failing(file: Deno.FsFile, operation: "write" | "sync", code: string): Deno.FsFile {
  const fail = () => Promise.reject(Object.assign(new Error("fault"), { code }));
  return Object.assign(file, { [operation]: fail });
}

const FAULTS: [string, string, string, (test: () => Promise<void>) => Promise<void>][] = [
  [
    "making a directory",
    "EACCES",
    "451 4.3.0",
    (test) =>
      replacing(
        "mkdir",
        () => () => Promise.reject(new Deno.errors.PermissionDenied("fault")),
        test,
      ),
  ],
  ["making a directory", "ENOSPC", "452 4.3.1", (test) =>
    replacing(
      "mkdir",
      () => () => Promise.reject(Object.assign(new Error("fault"), { code: "ENOSPC" })),
      test,
    )],
  [
    "making a link and a copy",
    "EIO",
    "451 4.3.0",
    (test) =>
      replacing(
        "link",
        () => () => Promise.reject(new Error("fault")),
        () =>
          replacing("copyFile", (copyFile) => async (from, to) => {
            await copyFile(from, to);
            throw new Error("fault");
          }, test),
      ),
  ],
  [
    "moving the file",
    "EIO",
    "451 4.3.0",
    (test) => replacing("rename", () => () => Promise.reject(new Error("fault")), test),
  ],
  ...(["write", "sync"] as const).flatMap((operation) =>
    ([["EIO", "451 4.3.0"], ["ENOSPC", "452 4.3.1"], ["EDQUOT", "452 4.3.1"]] as const).map((
      [code, expected],
    ): typeof FAULTS[number] => [
      `${operation} of the file`,
      code,
      expected,
      (test) =>
        replacing("open", (open) => async (path, options) => {
          const file = await open(path, options);
          return options?.createNew === true ? failing(file, operation, code) : file;
        }, test),
    ])
  ),
  [
    "sync of new",
    "EIO",
    "451 4.3.0",
    (test) =>
      replacing("open", (open) => async (path, options) => {
        const file = await open(path, options);
        return String(path).endsWith("/ann/new") ? failing(file, "sync", "EIO") : file;
      }, test),
  ],
  [
    "sync of the domain's directory",
    "EIO",
    "451 4.3.0",
    (test) =>
      replacing("open", (open) => async (path, options) => {
        const file = await open(path, options);
        return String(path).endsWith("/example.org") ? failing(file, "sync", "EIO") : file;
      }, test),
  ],
];

for (const [step, code, expected, withFault] of FAULTS) {
  for (const size of [10, 200_000]) {
    Deno.test(`${code} in ${step} leaves nothing behind, with ${size} octets`, async () => {
      await inDirectory(async (root) => {
        const mail = maildir(root);
        const to = [box("joe"), box("ann")];
        await withFault(async () => {
          assertEquals(await deliver(mail, to, new Uint8Array(size), 50_000), expected);
        });
        assertEquals(await files(root), []);
        assertEquals(await deliver(mail, to), "250 2.0.0");
        assertEquals((await files(root)).length, 2);
      });
    });
  }
}

Deno.test("a directory that cannot be synced because its file system has no such thing is taken", async () => {
  await inDirectory(async (root) => {
    await replacing("open", (open) => async (path, options) => {
      const file = await open(path, options);
      return options === undefined ? failing(file, "sync", "EINVAL") : file;
    }, async () => assertEquals(await deliver(maildir(root), [box("joe")]), "250 2.0.0"));
    assertEquals((await files(root)).length, 1);
  });
});

/** Mounts a small file system, runs the test in it, and takes it away. */
async function onSmallDisk(
  test: (root: string, remount: (options: string) => void) => Promise<void>,
) {
  const run = (...args: string[]) => {
    const { success, stderr } = new Deno.Command(args[0], { args: args.slice(1) }).outputSync();
    if (!success) throw new Error(`Cannot ${args.join(" ")}: ${new TextDecoder().decode(stderr)}`);
  };
  await inDirectory(async (root) => {
    const disk = `${root}/disk`;
    await Deno.mkdir(disk);
    run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk);
    try {
      await test(disk, (options) => run("mount", "-o", `remount,${options}`, disk));
    } finally {
      run("umount", disk);
    }
  });
}

/** Whether file systems can be mounted here: as root on Linux, outside of most containers. */
const canMount = Deno.build.os === "linux" && Deno.uid() === 0 && (() => {
  const target = Deno.makeTempDirSync();
  try {
    const mount = new Deno.Command("mount", { args: ["-t", "tmpfs", "tmpfs", target] });
    if (!mount.outputSync().success) return false;
    return new Deno.Command("umount", { args: [target] }).outputSync().success;
  } catch {
    return false;
  } finally {
    Deno.removeSync(target);
  }
})();

Deno.test({
  name: "a full disk is 452 and leaves nothing behind (needs root to mount a small disk)",
  ignore: !canMount,
  fn: () =>
    onSmallDisk(async (root) => {
      const mail = maildir(`${root}/mail`);
      const large = new Uint8Array(1_000_000);
      for (const slice of [1_000_000, 5000]) {
        assertEquals(await deliver(mail, [box("joe")], large, slice), "452 4.3.1");
        assertEquals(await files(root), []);
      }
      assertEquals(await deliver(mail, [box("joe")], large.subarray(0, 50_000)), "250 2.0.0");
      await replacing("link", () => () => Promise.reject(new Error("no links here")), async () => {
        const to = [box("joe"), box("ann")];
        assertEquals(await deliver(mail, to, large.subarray(0, 120_000)), "452 4.3.1");
      });
      assertEquals((await files(root)).length, 1);
    }),
});

Deno.test({
  name: "mailboxes on two file systems both get the message (needs root to mount a small disk)",
  ignore: !canMount,
  fn: () =>
    onSmallDisk((disk) =>
      inDirectory(async (root) => {
        await Deno.mkdir(`${root}/example.org`);
        await Deno.mkdir(`${disk}/ann`);
        await Deno.symlink(`${disk}/ann`, `${root}/example.org/ann`);
        assertEquals(await deliver(maildir(root), [box("joe"), box("ann")]), "250 2.0.0");
        assertEquals((await files(`${root}/example.org/joe`)).length, 1);
        assertEquals((await files(`${disk}/ann`)).length, 1);
      })
    ),
});

/** Root may write anywhere but to a file system that is mounted without the right to. */
const onLockable = Deno.build.os !== "windows" && Deno.uid() === 0
  ? () => onSmallDisk((root, remount) => withLock(root, () => remount("ro"), () => remount("rw")))
  : () =>
    inDirectory((root) =>
      withLock(root, () => Deno.chmodSync(root, 0o500), () => Deno.chmodSync(root, 0o700))
    );

async function withLock(root: string, lock: () => void, unlock: () => void): Promise<void> {
  const mail = maildir(root);
  lock();
  assertEquals(await deliver(mail, [box("joe")]), "451 4.3.0");
  unlock();
  assertEquals(await deliver(mail, [box("joe")]), "250 2.0.0");
  lock();
  assertEquals(await deliver(mail, [box("ann")]), "451 4.3.0");
  unlock();
  assertEquals((await files(root)).length, 1);
}

Deno.test({
  name: "a directory that may not be written to is 451 (as root needs to mount a small disk)",
  ignore: Deno.build.os === "windows" || (Deno.uid() === 0 && !canMount),
  fn: () => onLockable(),
});
