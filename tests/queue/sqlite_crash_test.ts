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
