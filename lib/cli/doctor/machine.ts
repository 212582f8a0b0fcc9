/** What the machine has to offer: its runtime, its limits, its disk and its clock. @module */
import type { Config } from "../../config.ts";
import { canBeginTls } from "../../net/tls_trial.ts";
import { formatIp } from "../../policy/network.ts";
import { formatDuration } from "../../policy/quantity.ts";
import { printable } from "../../smtp/reply.ts";
import { nearestExisting } from "../directories.ts";
import { Failure } from "../failure.ts";
import { sizeText } from "../queue_words.ts";
import { type Examination, fail, type Finding, ok, skip, Unknown, warn } from "./finding.ts";
import { addressesOf } from "./own_names.ts";
import type { FileSystem, World } from "./world.ts";

/** Files that are open beside connections: the database, listeners, name servers, what is read. */
const OTHER_FILES = 64;

/** Files that are opened to find out whether so many can be; nobody needs more. */
const MOST_OPENED = 65_536;

/** A disk that takes longer to store a small file holds mail up, in milliseconds. */
const SLOW_SYNC = 100;

/** A share of the files that a disk can have. */
const FEW_FILES = 0.01;

/** How far a clock may be off before it is told, and before it does harm, in milliseconds. */
const CLOCK_WARN = 30_000;
const CLOCK_FAIL = 10 * 60_000;

/** Kinds of file systems on which a database in write-ahead mode, or fsync, is not to be trusted. */
const KINDS: ReadonlyMap<number, { readonly name: string; readonly why: "network" | "memory" }> =
  new Map([
    [0x6969, { name: "NFS", why: "network" }],
    [0x517b, { name: "SMB", why: "network" }],
    [0xff534d42, { name: "CIFS", why: "network" }],
    [0xfe534d42, { name: "SMB", why: "network" }],
    [0x5346414f, { name: "AFS", why: "network" }],
    [0x73757245, { name: "Coda", why: "network" }],
    [0x00c36400, { name: "Ceph", why: "network" }],
    [0x0bd00bd0, { name: "Lustre", why: "network" }],
    [0x01021997, { name: "9P", why: "network" }],
    [0x01021994, { name: "tmpfs", why: "memory" }],
    [0x858458f6, { name: "ramfs", why: "memory" }],
  ]);

function examineDeno({ denoVersion }: World): Finding {
  if (canBeginTls(denoVersion)) return ok(`Deno ${denoVersion} can do TLS as a server`);
  return warn(
    `Deno ${denoVersion} cannot do TLS as a server`,
    "take an executable made with Deno 2.8 or later, or run from source with one",
  );
}

function examineFiles({ maxConnections, maxDeliveries }: Config, world: World): Finding {
  if (world.os === "windows") return skip("Windows has no such limit");
  const needed = maxConnections + maxDeliveries + OTHER_FILES;
  const count = world.openable(Math.min(needed, MOST_OPENED));
  if (count >= Math.min(needed, MOST_OPENED)) {
    return ok(`${count} or more files can be open at once`);
  }
  const found = `${count} files can be open at once, and with maxConnections ${maxConnections} ` +
    `and maxDeliveries ${maxDeliveries} there may be ${needed}`;
  const fewer = count - maxDeliveries - OTHER_FILES;
  const less = fewer > 0 ? `give --max-connections ${fewer}` : "lower both";
  const mend = `run ulimit -n ${needed} before it, write LimitNOFILE=${needed} into the unit of ` +
    `systemd, or ${less}`;
  return count < maxConnections ? fail(found, mend) : warn(found, mend);
}

/** How long it takes to store a small file, or why that cannot be done. */
function syncTime(directory: string, world: World): number | Finding {
  try {
    return world.sync(directory);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (error instanceof Deno.errors.PermissionDenied) {
      throw new Unknown("there is no permission to make a file");
    }
    const why = printable(error instanceof Error ? error.message : String(error));
    return fail(
      `cannot store a file for good (${why})`,
      "mend the disk, or give another to --queue",
    );
  }
}

/** Looks at the disk of the state directory, or of the directory that it would be made in. */
function diskExaminations(config: Config, world: World): Examination[] {
  const { queue, queueReserve } = config;
  if (config.noQueue) return [{ topic: "disk", examine: () => skip("nothing is stored") }];
  const directory = () => nearestExisting(queue, "--queue");
  function fileSystem(): FileSystem {
    try {
      return world.fileSystem(directory());
    } catch (error) {
      if (error instanceof Failure || error instanceof Deno.errors.NotCapable) throw error;
      throw new Unknown("the system says nothing of the disk");
    }
  }
  return [
    {
      topic: "disk",
      examine() {
        const { free } = fileSystem();
        const has = `${sizeText(free)} are free, and below ${sizeText(queueReserve)} ` +
          "(queueReserve) mail gets 452";
        const mend = "make room, or give a directory on a larger disk to --queue";
        if (free < queueReserve) return fail(`${has}, as it does now`, mend);
        if (free < 2 * queueReserve) return warn(`${has}, as it soon will`, mend);
        return ok(has);
      },
    },
    {
      topic: "inodes",
      examine() {
        const { files, freeFiles } = fileSystem();
        if (files === 0) return ok("there is no limit on the number of files");
        const has = `${freeFiles} more files can be made`;
        const mend = "remove some, or give a directory on another disk to --queue";
        if (freeFiles === 0) return fail("no more files can be made", mend);
        return freeFiles / files < FEW_FILES ? warn(has, mend) : ok(has);
      },
    },
    {
      topic: "file system",
      examine() {
        const kind = KINDS.get(world.os === "linux" ? fileSystem().kind : 0);
        if (kind === undefined) return ok("nothing is known against it");
        const mend = "give a directory on a local disk to --queue";
        return kind.why === "network"
          ? fail(`it is ${kind.name}, on which the database of the queue may be damaged`, mend)
          : warn(`it is ${kind.name}: what was accepted is gone when the machine stops`, mend);
      },
    },
    {
      topic: "fsync",
      examine() {
        const time = syncTime(directory(), world);
        if (typeof time !== "number") return time;
        const takes = `it takes ${time.toFixed(1)} ms to store a small file for good`;
        if (time <= SLOW_SYNC) return ok(takes);
        const mend = "give a directory on a faster disk to --queue, every message waits for it";
        return warn(takes, mend);
      },
    },
  ];
}

/** Compares the clock with that of a web server. */
async function examineClock(
  probe: string | undefined,
  world: World,
  signal: AbortSignal,
): Promise<Finding> {
  if (probe === undefined) return skip("nobody is asked with --probe off");
  const addresses = await addressesOf(world.dns, probe, signal);
  const { clock } = world;
  for (const ip of addresses) {
    const begun = clock.now();
    let time: number;
    try {
      time = await world.webTime({ address: formatIp(ip), port: 80 }, probe, signal);
    } catch {
      // An address of the family that this network has not is no reason to ask no other.
      continue;
    }
    // The field has whole seconds, and was written between question and answer.
    const off = Math.round((begun + clock.now()) / 2 - (time + 500));
    const away = Math.abs(off);
    if (away <= CLOCK_WARN) return ok(`it agrees with http://${probe}`);
    const found = `it is ${formatDuration(Math.round(away / 1000) * 1000)} ` +
      `${off > 0 ? "ahead of" : "behind"} http://${probe}`;
    const mend = "set it, and keep it right by NTP, as systemd-timesyncd and chrony do";
    return away > CLOCK_FAIL ? fail(found, mend) : warn(found, mend);
  }
  return skip(`not known, http://${probe} does not tell the time`);
}

/** Looks at the machine. The number of files is found out at once: nothing else may need some then. */
export function machineExaminations(
  config: Config,
  world: World,
  probe: string | undefined,
): Examination[] {
  return [
    { topic: "deno", examine: () => examineDeno(world) },
    { topic: "open files", examine: () => examineFiles(config, world) },
    ...diskExaminations(config, world),
    { topic: "clock", examine: (signal) => examineClock(probe, world, signal) },
  ];
}
