/** Where mail is kept, and for how long. @module */
import { directory, duration, size, truth, wholeNumber } from "./values.ts";
import { list, one, oneOrNone, type Options } from "./option.ts";

/** Where mail is kept, and for how long. */
export interface QueueSettings {
  /** The state directory. */
  readonly queue: string;
  readonly maildir: string;
  readonly noQueue: boolean;
  /** The delays between attempts; the last one repeats. */
  readonly retry: readonly number[];
  readonly queueLifetime: number;
  /** When the sender is told that a message is delayed, or `undefined` for never. */
  readonly delayNotice: number | undefined;
  /** How long a message stays in the queue's records once all its recipients are finished. */
  readonly queueHistory: number;
  /** Messages that are not finished; one more is refused. */
  readonly queueMessages: number;
  /** Octets of the queue's disk that are left free. */
  readonly queueReserve: number;
  readonly drainTimeout: number;
}

/** These settings by their keys, in the order of the help. */
export const QUEUE_OPTIONS: Options<QueueSettings> = {
  queue: one(directory, {
    meaning: "the state directory, with the queue and the Maildirs",
    placeholder: "DIR",
    shownDefault: "/var/spool/smtpd for root, else $XDG_STATE_HOME/smtpd",
    byDefault: (system) => [system.stateDirectory()],
  }),
  maildir: one(directory, {
    meaning: "where local mail goes: DIR/<domain>/<local-part>",
    placeholder: "DIR",
    shownDefault: "mail in the state directory",
    byDefault: (_, settled) => [`${settled.queue}/mail`],
  }),
  noQueue: one(truth, {
    meaning: "pass-through: answer 250 only after the next hop has, store nothing",
    shownDefault: "off",
    byDefault: "false",
  }),
  retry: list(duration, {
    meaning: "delays between attempts to deliver; the last one repeats",
    placeholder: "LIST",
    shownDefault: "5m,15m,30m,1h,2h,4h,8h",
    byDefault: ["5m", "15m", "30m", "1h", "2h", "4h", "8h"],
  }),
  queueLifetime: one(duration, {
    meaning: "how long a message is tried; then its sender is told that it failed",
    placeholder: "DURATION",
    byDefault: "5d",
  }),
  delayNotice: oneOrNone(duration, "never", {
    meaning: "when the sender is told, once, that a message is delayed; or never",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "4h",
  }),
  queueHistory: one(duration, {
    meaning: "how long the queue knows of a message that is finished",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "1h",
  }),
  queueMessages: one(wholeNumber(1), {
    meaning: "unfinished messages in the queue; one more gets 452",
    placeholder: "N",
    fileOnly: true,
    byDefault: "10000000",
  }),
  queueReserve: one(size, {
    meaning: "room on the queue's disk that is left free; below it mail gets 452",
    placeholder: "SIZE",
    fileOnly: true,
    byDefault: "64MiB",
  }),
  drainTimeout: one(duration, {
    meaning: "how long transactions under way may take when the server stops",
    placeholder: "DURATION",
    fileOnly: true,
    byDefault: "30s",
  }),
};
