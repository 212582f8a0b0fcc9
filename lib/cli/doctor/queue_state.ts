/** What the queue of a server is like, whether or not it runs. @module */
import type { Config } from "../../config.ts";
import { LOCK_FILE, lockDirectory } from "../../queue/lock.ts";
import type { StoreReader } from "../../queue/sqlite_reader.ts";
import { StoreError } from "../../queue/store_error.ts";
import { formatDuration } from "../../policy/quantity.ts";
import { openQueueReader, queueFailure } from "../open_queue.ts";
import { counted } from "../queue_words.ts";
import { type Examination, fail, type Finding, ok, skip, warn } from "./finding.ts";
import type { World } from "./world.ts";

const HOUR = 3_600_000;

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    const isHidden = error instanceof Deno.errors.PermissionDenied ||
      error instanceof Deno.errors.NotCapable;
    if (isHidden) throw queueFailure(error);
    // What is wrong with the way there is told of the directories.
    return false;
  }
}

/** Whether somebody has the queue who answers to nobody. */
async function examineLock({ queue: directory }: Config, world: World): Promise<Finding> {
  if (await world.hasServer(directory)) return ok("our own server has it, and answers");
  if (!exists(`${directory}/${LOCK_FILE}`)) return ok("there is none yet");
  try {
    using _ = lockDirectory(directory);
    return ok("no server has it");
  } catch (error) {
    if (!(error instanceof StoreError && error.kind === "locked")) throw queueFailure(error);
    const holder = /process ([0-9]+) has it open/.exec(error.message)?.[1];
    const who = holder === undefined ? "another process" : `process ${holder}`;
    const mend = "stop it, or give another directory to --queue";
    return fail(`${who} has it, and does not answer on its control socket`, mend);
  }
}

/** How long ago something was, in hours at least, since people ask in days. */
function age(time: number, now: number): string {
  return formatDuration(Math.max(HOUR, Math.floor((now - time) / HOUR) * HOUR));
}

async function examineMessages(
  reader: StoreReader,
  { queueLifetime }: Config,
  now: number,
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const damaged = await reader.setAsideCount();
  if (damaged > 0) {
    const found = `${counted(damaged, "message")} had been damaged and ` +
      `${damaged === 1 ? "was" : "were"} set aside`;
    const mend = "look for entry-damaged in the log, and at the disk; quarantine in the state " +
      "directory has large ones";
    findings.push(warn(found, mend));
  }
  const { recipients: { queued, held }, messages } = await reader.stats();
  const [oldest] = (await reader.list({ state: "queued" }, { limit: 1 })).entries;
  const has = `${counted(messages, "message")}, ${counted(queued, "recipient")} queued, ` +
    `${held} held`;
  if (oldest !== undefined && now - oldest.accepted > queueLifetime) {
    const found = `${has}; the oldest has waited for ${age(oldest.accepted, now)}, longer than ` +
      `--queue-lifetime`;
    findings.push(warn(found, "start the server, and see smtpd queue list"));
  } else if (findings.length === 0) {
    findings.push(
      ok(oldest === undefined ? has : `${has}; the oldest for ${age(oldest.accepted, now)}`),
    );
  }
  return findings;
}

/** Looks at the queue. */
export function queueExaminations(config: Config, world: World): Examination[] {
  if (config.noQueue) return [{ topic: "queue", examine: () => skip("there is none") }];
  return [
    { topic: "queue lock", examine: () => examineLock(config, world) },
    {
      topic: "queue",
      async examine() {
        const reader = openQueueReader(config);
        if (reader === undefined) return ok("there is none yet");
        await using _ = reader;
        return await examineMessages(reader, config, world.clock.now());
      },
    },
  ];
}
