/** The inbox over HTTP, as settings ask for it. @module */
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import type { Inbox } from "../inbox/inbox.ts";
import type { Monitoring } from "../metrics/monitoring.ts";
import type { Log } from "../net/log.ts";
import type { Accounts } from "../policy/accounts.ts";
import type { ClientLimits } from "../policy/client_limits.ts";
import type { Faults } from "../policy/faults/faults.ts";
import { isLoopback } from "../policy/network.ts";
import { isToken } from "../web/login.ts";
import { pageAsset } from "../web/page.ts";
import { startWeb, type WebServer } from "../web/web_server.ts";
import { EXIT, Failure } from "./failure.ts";
import { listenFailure } from "./listen_failure.ts";
import { readText, reasonOf } from "./text_file.ts";

/** Who may come in, and what may be scripted by those who do. */
export interface UiGuards {
  readonly accounts?: Accounts;
  /** The token, as {@linkcode uiTokenOf} has read it. */
  readonly token?: string;
  readonly clients: ClientLimits;
  readonly faults?: Faults;
}

/** What there is to see. */
export interface UiSights extends Monitoring {
  readonly inbox: Inbox;
}

/** Octets of a token file. */
const MOST_TOKEN = 4096;

/**
 * The token of the file that settings name; nothing without an inbox that it would let into.
 *
 * @throws {Failure} if it cannot be read, or could be guessed
 */
export function uiTokenOf({ ui, uiTokenFile: path }: Config): string | undefined {
  if (ui === undefined || path === undefined) return undefined;
  let text: string;
  try {
    // An editor ends the file with a line break, which is no part of the token.
    text = readText(path, MOST_TOKEN).replace(/\r?\n$/, "");
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const wrong = `cannot read uiTokenFile ${shown(path)}: ${reasonOf(error)}`;
    throw new Failure(EXIT.configuration, wrong, "name a file with a token of one line", error);
  }
  if (isToken(text)) return text;
  throw new Failure(
    EXIT.configuration,
    `uiTokenFile ${shown(path)} holds no token of 16 or more letters, digits and -._~+/`,
    "make one with: openssl rand -hex 32",
  );
}

/**
 * Starts the inbox where settings ask for it. On loopback everybody on this host may come in, unless there
 * is a token.
 *
 * @throws {Failure} if it cannot listen
 */
export function startUi(
  config: Config,
  sights: UiSights,
  log: Log,
  { accounts, token, clients, faults }: UiGuards,
): WebServer {
  const { address: hostname, port } = config.ui!;
  const isOpen = isLoopback(hostname) && token === undefined;
  try {
    return startWeb({
      ...sights,
      hostname,
      port,
      access: isOpen ? undefined : { accounts, token, clients },
      names: [config.hostname, ...config.uiName],
      page: pageAsset,
      faults,
      log,
    });
  } catch (error) {
    throw listenFailure(error, { where: `port ${port} of ${hostname}`, setBy: "--ui" });
  }
}
