/** How the layers below the program say what happened, without knowing where it is written. @module */

/** How much an event matters. */
export type LogLevel = "debug" | "info" | "warn" | "error";

/** The facts of an event by their stable names. An `undefined` value is left out. */
export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

/**
 * Takes one event: a stable name and its fields. What came from the wire may stand in a field as it
 * is: the writer escapes it.
 */
export type Log = (level: LogLevel, event: string, fields: LogFields) => void;

/** Takes no notice. */
export const noLog: Log = () => {};
