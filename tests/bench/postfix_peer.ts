/** Postfix as it stands beside smtpd in the benchmark: in the same directory, with nothing in its way. */
import { POSTFIX, type Postfix, startPostfix } from "../e2e/postfix.ts";
import { findPeer } from "../peers.ts";
import { logged, type Measured, startSmtpd } from "./measure.ts";

/** What takes and what sends, each with the port it listens on. */
export interface SideBySide extends AsyncDisposable {
  readonly smtpd: Measured;
  readonly postfix: Postfix;
  /** The directory that both are in. */
  readonly directory: string;
}

/** What has to be installed for it, if something is missing. */
export function missingPeer(): string | undefined {
  const needed = [POSTFIX, "smtp-source", "smtp-sink"];
  return needed.find((name) => findPeer(name) === undefined);
}

/**
 * Settings that let Postfix do its best with 100 sessions from one client: as many processes as sessions,
 * no limits on one client and so no questions to anvil, no pause when mail comes faster than it leaves,
 * processes that live longer than 100 connections. All else stands as it comes, so that what was
 * accepted is flushed to the disk.
 */
const FAIR: Readonly<Record<string, string>> = {
  default_process_limit: "300",
  smtpd_client_connection_count_limit: "0",
  smtpd_client_connection_rate_limit: "0",
  smtpd_client_message_rate_limit: "0",
  smtpd_client_recipient_rate_limit: "0",
  smtpd_client_new_tls_session_rate_limit: "0",
  smtpd_client_auth_rate_limit: "0",
  in_flow_delay: "0",
  max_use: "10000",
  // What smtp-source may do on a kept connection without being slowed down.
  smtpd_junk_command_limit: "1000000",
};

/** Starts both below one new directory on a disk; each writes its log there. */
export async function startSideBySide(
  flags: readonly string[],
  settings: Readonly<Record<string, string>>,
): Promise<SideBySide> {
  // By the file system hierarchy this is on a disk, which /tmp may not be.
  const directory = await Deno.makeTempDir({ dir: "/var/tmp", prefix: "smtpd-bench-" });
  await Deno.chmod(directory, 0o755);
  const smtpd = await startSmtpd(
    [
      ...["--queue", `${directory}/smtpd`, "--hostname", "smtpd.test"],
      ...["--max-connections-per-ip", "1000", ...flags],
    ],
    logged(`${directory}/smtpd.log`),
  );
  const postfix = await startPostfix(directory, "127.0.0.1", { ...FAIR, ...settings });
  return {
    smtpd,
    postfix,
    directory,
    async [Symbol.asyncDispose]() {
      await postfix[Symbol.asyncDispose]();
      await smtpd[Symbol.asyncDispose]();
      await Deno.remove(directory, { recursive: true });
    },
  };
}
