/** What was acknowledged is there after `kill -9`, at random times and at each step of the store. */
import { assert, assertEquals } from "@std/assert";
import { type Fault, FAULT_POINTS } from "../../lib/queue/fault.ts";
import type { Store } from "../../lib/queue/store.ts";
import { octets, readAll } from "./fixture.ts";
import { assertInvariants } from "./invariants.ts";
import { type StateDirectory, stateDirectory } from "./state_directory.ts";

const CHILD = new URL("./crash_child.ts", import.meta.url).href;

/** What the child was told is so. */
interface Promises {
  readonly bodies: Map<string, { number: number; size: number }>;
  readonly outcomes: Map<string, string>;
}

/** Runs the child until it is killed, by `stop` or by itself, and notes what it was told. */
async function crash(
  directory: StateDirectory,
  promises: Promises,
  { seed, faults = [], killAfter }: { seed: number; faults?: readonly Fault[]; killAfter?: number },
): Promise<void> {
  const child = new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--quiet",
      "--no-check",
      "-A",
      CHILD,
      directory.path,
      `${seed}`,
      JSON.stringify(faults),
    ],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  // A fault that is never reached must not make the test wait for ever.
  let timer = setTimeout(() => child.kill("SIGKILL"), 30_000);
  let isOpen = false;
  let rest = "";
  for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [what, id, ...words] = line.split(" ");
      if (what === "open") isOpen = true;
      if (what === "committed") {
        promises.bodies.set(id, { number: Number(words[0]), size: Number(words[1]) });
      }
      if (what === "recorded") promises.outcomes.set(`${id} ${words[0]}`, words[1]);
    }
    if (isOpen && killAfter !== undefined) {
      clearTimeout(timer);
      timer = setTimeout(() => child.kill("SIGKILL"), killAfter);
      killAfter = undefined;
    }
  }
  const { signal } = await child.status;
  clearTimeout(timer);
  assertEquals(signal, "SIGKILL");
  assert(isOpen, "the child never opened the store");
}

/** Checks that all that was promised is so, and that the rest hangs together. */
async function check(directory: StateDirectory, promises: Promises, from: number): Promise<void> {
  {
    await using store = await directory.open({
      onDamaged: (id, reason) => {
        throw new Error(`${id} is damaged: ${reason}`);
      },
    });
    for (const [id, { number, size }] of [...promises.bodies].slice(from)) {
      await checkBody(store, id, octets(size, number));
    }
    for (const [name, state] of promises.outcomes) {
      const [id, index] = name.split(" ");
      assertEquals((await store.show(id))?.recipients[Number(index)].state, state, name);
    }
  }
  assertInvariants(directory.path);
}

async function checkBody(store: Store, id: string, expected: Uint8Array): Promise<void> {
  const actual = await readAll(store, id);
  assert(
    actual.length === expected.length && actual.every((octet, i) => octet === expected[i]),
    `${id} has other octets`,
  );
}

const KILLS = 30;

Deno.test(`store has all that it acknowledged after ${KILLS} kills at random times`, async () => {
  await using directory = await stateDirectory();
  const promises: Promises = { bodies: new Map(), outcomes: new Map() };
  for (let seed = 1; seed <= KILLS; seed++) {
    const from = promises.bodies.size;
    await crash(directory, promises, { seed, killAfter: Math.random() * 120 });
    await check(directory, promises, from);
  }
  await check(directory, promises, 0);
  assert(promises.bodies.size > KILLS && promises.outcomes.size > KILLS);
});

for (const point of FAULT_POINTS) {
  // The child sweeps nothing.
  if (point === "blobs-deleted") continue;
  Deno.test(`store has all that it acknowledged after a kill at ${point}`, async () => {
    await using directory = await stateDirectory();
    const promises: Promises = { bodies: new Map(), outcomes: new Map() };
    for (const [seed, skip] of [2, 15].entries()) {
      const from = promises.bodies.size;
      await crash(directory, promises, { seed, faults: [{ point, skip, action: "kill" }] });
      await check(directory, promises, from);
    }
  });
}

/** What a disk may have made of the last frame of the log, whose flush had not returned. */
const TEARS: readonly (readonly [string, (log: Deno.FsFile, end: number) => void])[] = [
  ["is not there", (log, end) => log.truncateSync(end - FRAME)],
  ["was cut", (log, end) => log.truncateSync(end - 1_000)],
  ["has nothing in its second half", (log, end) => write(log, end - 2_048, new Uint8Array(2_048))],
  ["has a header of nothing", (log, end) => write(log, end - FRAME, new Uint8Array(24))],
  ["has one other octet", (log, end) => {
    const octet = new Uint8Array(1);
    log.seekSync(end - 3_000, Deno.SeekMode.Start);
    log.readSync(octet);
    write(log, end - 3_000, octet.map((value) => ~value));
  }],
];

/** Octets of a frame: its header and a page. */
const FRAME = 24 + 4_096;

function write(file: Deno.FsFile, at: number, octets: Uint8Array): void {
  file.seekSync(at, Deno.SeekMode.Start);
  file.writeSync(octets);
}

for (const [tear, damage] of TEARS) {
  Deno.test(`store has all that it acknowledged when the last frame of its log ${tear}`, async () => {
    await using directory = await stateDirectory();
    const promises: Promises = { bodies: new Map(), outcomes: new Map() };
    // The last transaction is in the log, and nobody was told of it.
    const faults: Fault[] = [{ point: "transaction-committed", skip: 25, action: "kill" }];
    await crash(directory, promises, { seed: 1, faults });
    assert(promises.bodies.size > 0 && promises.outcomes.size > 0);
    {
      using log = Deno.openSync(`${directory.path}/queue.db-wal`, { read: true, write: true });
      const { size } = log.statSync();
      assertEquals((size - 32) % FRAME, 0);
      // The frame that ends a transaction has the size of the database in its header.
      const header = new Uint8Array(8);
      log.seekSync(size - FRAME, Deno.SeekMode.Start);
      log.readSync(header);
      assert(new DataView(header.buffer).getUint32(4) > 0, "a transaction ends there");
      damage(log, size);
    }
    await check(directory, promises, 0);
    // It goes on from there.
    await crash(directory, promises, { seed: 2, faults });
    await check(directory, promises, 0);
  });
}
