/** What hooks in a file cost: messages a second with and without them, and who waits for a slow one. */
import { Dialog } from "../e2e/dialog.ts";
import { octets } from "../e2e/corpus.ts";
import { findPeer } from "../peers.ts";
import {
  alternating,
  median,
  percentile,
  print,
  printLoad,
  printSideBySide,
  sourceFlags,
  startSmtpd,
  timed,
} from "./measure.ts";

const SESSIONS = 20;
const SIZE = 4096;
const ROUNDS = 5;

/** What a policy of one's own may well look like. */
const POLICY = `
  const blocked = new Set(["nobody", "abuse"]);
  export function rcpt(_session, { forwardPath }) {
    if (blocked.has(forwardPath.localPart)) return { code: 550, enhanced: "5.1.1", text: "No" };
  }
  export function data(_session, { header }) {
    if (header.some(({ name, value }) => /^x-spam-flag$/i.test(name) && value === "YES")) {
      return { code: 550, enhanced: "5.7.1", text: "Not this" };
    }
  }`;

/** How long the slow hook takes, in milliseconds. */
const SLOW = 100;

const SLOW_POLICY = `
  export async function rcpt(_session, { forwardPath }) {
    if (forwardPath.localPart === "slow") {
      await new Promise((resolve) => setTimeout(resolve, ${SLOW}));
    }
  }`;

const PASS_THROUGH = ["--no-queue", "--route", "discard"];

/** Where accepted mail goes: into the queue, as on any server, or nowhere, which shows the most of the cost. */
const WAYS: readonly (readonly [name: string, flags: (directory: string) => string[]])[] = [
  ["accepted into the queue", (directory) => ["--route", "hold", "--queue", directory]],
  ["discarded", () => PASS_THROUGH],
];

async function measureRates(
  source: string,
  file: string,
  [name, flags]: (typeof WAYS)[number],
  directory: string,
): Promise<void> {
  await using without = await startSmtpd(flags(`${directory}/without`));
  await using smtpd = await startSmtpd([...flags(`${directory}/with`), "--hooks", file]);
  for (
    const [connections, kept, count, target] of [
      ["new", false, 4_000, 0.9],
      ["kept", true, 10_000, 0.7],
    ] as const
  ) {
    const run = async (port: number) => {
      const given = sourceFlags({ kept, sessions: SESSIONS, size: SIZE, count });
      return count / await timed(source, [...given, `127.0.0.1:${port}`]);
    };
    await run(smtpd.port);
    await run(without.port);
    const rates = await alternating(ROUNDS, () => run(smtpd.port), () => run(without.port));
    const what = `hooks, ${SESSIONS} sessions, 4 KiB, ${connections} connections, ${name}`;
    printSideBySide(what, rates, "without", target);
  }
}

/** How long each of some messages takes, one after the other in one session. */
async function times(dialog: Dialog, to: string, count: number): Promise<number[]> {
  const message = octets("Subject: slow\r\n\r\nx\r\n");
  const taken: number[] = [];
  for (let i = 0; i < count; i++) {
    const start = performance.now();
    const replies = await dialog.sendMail("a@example.org", [to], message);
    const { code, text } = replies.at(-1)!;
    if (code !== 250) throw new Error(`Cannot measure: ${code} ${text}`);
    taken.push(performance.now() - start);
  }
  return taken;
}

async function measureSlow(file: string): Promise<void> {
  await using smtpd = await startSmtpd([...PASS_THROUGH, "--hooks", file]);
  using fast = await Dialog.open(smtpd.port);
  await times(fast, "fast@example.net", 100);
  const alone = await times(fast, "fast@example.net", 100);
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, () => Dialog.open(smtpd.port)),
  );
  try {
    const slow = sessions.map((session) => times(session, "slow@example.net", 10));
    const beside = await times(fast, "fast@example.net", 100);
    const held = (await Promise.all(slow)).flat();
    print(
      `  a hook that takes ${SLOW} ms, ${SESSIONS} sessions`,
      `${median(held).toFixed(0)} ms a message`,
      `stated, all at once ${SLOW} ms`,
    );
    for (const part of [0.5, 0.99]) {
      const [was, is] = [alone, beside].map((taken) => percentile(taken, part));
      print(
        `  another session beside them, percentile ${part * 100}`,
        `${is.toFixed(1)} ms, alone ${was.toFixed(1)} ms`,
        `target: less than ${SLOW} ms`,
      );
    }
  } finally {
    for (const session of sessions) session[Symbol.dispose]();
  }
}

/** Measures a server with hooks beside one without. */
export async function benchHooks(): Promise<void> {
  const source = findPeer("smtp-source");
  if (source === undefined) return print("hooks", "not measured", "needs smtp-source of Postfix");
  const directory = await Deno.makeTempDir({ prefix: "smtpd-bench-" });
  try {
    const [policy, slow] = [`${directory}/policy.js`, `${directory}/slow.js`];
    await Deno.writeTextFile(policy, POLICY);
    await Deno.writeTextFile(slow, SLOW_POLICY);
    printLoad();
    for (const way of WAYS) {
      const state = `${directory}/${way[0].replaceAll(" ", "-")}`;
      await Deno.mkdir(state);
      await measureRates(source, policy, way, state);
    }
    await measureSlow(slow);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
