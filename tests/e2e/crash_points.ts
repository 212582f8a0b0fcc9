/** Where the server of the crash test is killed, beside the steps of the store itself. @module */
import { FAULT_POINTS, type FaultPoint } from "../../lib/queue/fault.ts";

/** The points at which `crash_server.ts` can end, in the order in which a message passes them. */
export const SERVER_POINTS = [
  /** Some of the mail data has come, and not its end. */
  "in-mail-data",
  /** The message is committed; its 250 is not written. */
  "before-250",
  /** The 250 was written to the socket. */
  "after-250",
  /** The next hop's 250 was read; nothing knows it yet. */
  "remote-250-read",
  /** An attempt whose notice ends the message for a recipient is about to be recorded. */
  "notice-made",
  /** It is recorded and the notice is committed. */
  "notice-committed",
  /** The delivery is recorded; the message is not removed. */
  "recorded",
  /** Messages that are finished are about to be removed. */
  "removal-begun",
] as const;

/** One of {@linkcode SERVER_POINTS}. */
export type ServerPoint = typeof SERVER_POINTS[number];

/** Every point at which the process can be told to kill itself. */
export const KILL_POINTS: readonly (FaultPoint | ServerPoint)[] = [
  ...FAULT_POINTS,
  ...SERVER_POINTS,
];

/** One of {@linkcode KILL_POINTS}, and how often it is passed unharmed first. */
export interface Kill {
  readonly point: FaultPoint | ServerPoint;
  readonly skip: number;
}
