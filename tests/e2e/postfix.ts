/** A Postfix of its own for a test: its own configuration, queue and ports. It takes root to run one. */
import { assert } from "@std/assert";
import { findPeer, freePort } from "../peers.ts";
import { runProgram } from "./smtpd.ts";

/** What a test needs that starts a Postfix, as `findPeer` calls it. */
export const POSTFIX = Deno.build.os === "linux" && Deno.uid() === 0
  ? "postfix"
  : "postfix as root";

/**
 * Settings with which it soon tries again what was put off, in place of five minutes. It counts in whole
 * seconds, so that after one it may look while its client still has the message locked, and then waits for
 * a minute.
 */
export const TRIES_AGAIN_SOON = {
  minimal_backoff_time: "2s",
  maximal_backoff_time: "2s",
  queue_run_delay: "1s",
} as const;

/** A Postfix that runs. */
export interface Postfix extends AsyncDisposable {
  readonly port: number;
  /** What it has logged. */
  log(): string;
  /** The directory of the messages that were delivered. */
  readonly mailbox: string;
  /** Stops it; what it has queued stays. */
  stop(): Promise<void>;
  /** Starts it again. */
  start(): Promise<void>;
  /** Runs one of the programs that come with Postfix on its queue; answers what it prints. */
  run(program: string, ...args: string[]): Promise<string>;
}

const MASTER = `
smtp-listener
pickup    unix n - n 60 1 pickup
cleanup   unix n - n - 0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n - - trivial-rewrite
bounce    unix - - n - 0 bounce
defer     unix - - n - 0 bounce
trace     unix - - n - 0 bounce
flush     unix n - n 1000? 0 flush
proxymap  unix - - n - - proxymap
smtp      unix - - n - - smtp
error     unix - - n - - error
retry     unix - - n - - error
discard   unix - - n - - discard
virtual   unix - n n - - virtual
anvil     unix - - n - 1 anvil
scache    unix - - n - 1 scache
showq     unix n - n - - showq
tlsmgr    unix - - n 1000? 1 tlsmgr
postlog   unix-dgram n - n - 1 postlogd
`;

/**
 * Starts a Postfix below a directory. It takes mail for `postfix.test` into one mailbox there, and sends
 * all other mail on as `settings` say.
 */
export async function startPostfix(
  directory: string,
  address: string,
  settings: Record<string, string> = {},
  port: number = freePort(),
): Promise<Postfix> {
  const root = `${directory}/postfix-${address}-${port}`;
  for (const name of ["etc", "queue", "data", "mail"]) {
    Deno.mkdirSync(`${root}/${name}`, { recursive: true });
  }
  const [uid, gid] = await idsOf("postfix");
  for (const name of ["data", "mail"]) Deno.chownSync(`${root}/${name}`, uid, gid);
  const main = {
    compatibility_level: "3.6",
    config_directory: `${root}/etc`,
    queue_directory: `${root}/queue`,
    data_directory: `${root}/data`,
    maillog_file: `${root}/log`,
    maillog_file_prefixes: root,
    myhostname: "postfix.test",
    // Postfix wants an address that is assigned to an interface; where it listens stands in master.cf.
    inet_interfaces: "127.0.0.1",
    inet_protocols: "ipv4",
    mynetworks: "127.0.0.0/8",
    mydestination: "",
    alias_maps: "",
    alias_database: "",
    // Mail goes through as it is: neither completed nor cut nor limited.
    local_header_rewrite_clients: "",
    message_size_limit: "0",
    mailbox_size_limit: "0",
    virtual_mailbox_limit: "0",
    virtual_mailbox_domains: "postfix.test",
    virtual_mailbox_base: `${root}/mail`,
    virtual_mailbox_maps: "static:box/",
    virtual_uid_maps: `static:${uid}`,
    virtual_gid_maps: `static:${gid}`,
    smtp_host_lookup: "native",
    ...settings,
  };
  const lines = Object.entries(main).map(([name, value]) => `${name} = ${value}\n`);
  Deno.writeTextFileSync(`${root}/etc/main.cf`, lines.join(""));
  const listener = `${address}:${port} inet n - n - - smtpd`;
  Deno.writeTextFileSync(`${root}/etc/master.cf`, MASTER.replace("smtp-listener", listener));

  const log = () => Deno.readTextFileSync(`${root}/log`);
  const run = async (program: string, ...args: string[]) => {
    const path = findPeer(program);
    assert(path !== undefined, `Cannot find ${program}`);
    const { code, text } = await runProgram(path, ["-c", `${root}/etc`, ...args]);
    assert(code === 0, `Cannot run ${program} ${args}: ${text}${log()}`);
    return text;
  };
  let isRunning = false;
  const start = async () => {
    await run("postfix", "start");
    isRunning = true;
  };
  const stop = async () => {
    if (!isRunning) return;
    isRunning = false;
    await run("postfix", "stop");
  };
  await start();
  return {
    port,
    log,
    mailbox: `${root}/mail/box/new`,
    start,
    stop,
    run,
    [Symbol.asyncDispose]: stop,
  };
}

async function idsOf(user: string): Promise<[uid: number, gid: number]> {
  const [uid, gid] = await Promise.all(["-u", "-g"].map((flag) => runProgram("id", [flag, user])));
  return [Number(uid.text), Number(gid.text)];
}
