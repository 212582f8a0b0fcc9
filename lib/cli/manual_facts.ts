/** What the man page tells of the world that the program runs in. @module */
import { SECRET_PREFIX } from "../relay/credentials.ts";
import { BLOBS } from "../queue/blobs.ts";
import { DATABASE_FILE } from "../queue/schema.ts";

/** A name, and what it is for. */
export type Fact = readonly [name: string, meaning: string];

/** Variables beside those of the settings. */
export const VARIABLES: readonly Fact[] = [
  [
    `${SECRET_PREFIX}NAME`,
    "a password or token for a next hop, where a route has password-env or token-env with this name",
  ],
  ["XDG_STATE_HOME", "where the state directory is unless --queue says so, for all but root"],
  ["HOME", "where that is if XDG_STATE_HOME is not set: $HOME/.local/state"],
  ["LOGNAME, USER", "who runs smtpd sendmail, and so is the sender unless -f says so"],
];

/** Files and directories. */
export const FILES: readonly Fact[] = [
  ["/var/spool/smtpd", "the state directory of root; --queue names another"],
  [DATABASE_FILE, "in the state directory, with its log beside it: the queue"],
  [BLOBS, "in the state directory: messages too large for the database"],
  ["mail", "in the state directory: Maildirs, unless --maildir names another place"],
  ["control", "in the state directory: the socket by which commands reach the server"],
];

/** Signals to the server. */
export const SIGNALS: readonly Fact[] = [
  ["SIGTERM, SIGINT", "stop: transactions under way end first; a second one ends it at once"],
  ["SIGHUP", "reread certificates, accounts and hooks"],
];
