/** What the exit status of a program says of the message that it was given (sysexits). @module */

/** A code, an enhanced status code, and the words for a program that has none of its own. */
export type Meaning = readonly [code: number, enhanced: string, text: string];

/** Whatever is not agreed upon is no verdict on the message, so the message is kept. */
const UNKNOWN: Meaning = [451, "4.3.0", "The program failed"];

/**
 * The statuses of sysexits. Postfix reads them the same way in its pipe(8), except that here a file
 * which cannot be written (73, 74) is worth another try: a disk has room again, a mailbox has not moved.
 */
const MEANINGS: ReadonlyMap<number, Meaning> = new Map([
  [0, [250, "2.0.0", "Delivered to the program"]],
  [64, [554, "5.3.0", "The program was called the wrong way"]],
  [65, [554, "5.6.0", "The program cannot read the message"]],
  [66, [554, "5.3.0", "The program cannot open its input"]],
  [67, [550, "5.1.1", "No such user here"]],
  [68, [550, "5.1.2", "No such host"]],
  [69, [550, "5.3.0", "The service is not available"]],
  [70, [554, "5.3.0", "The program has an internal error"]],
  [71, [451, "4.3.0", "The program lacks a resource of the system"]],
  [72, [554, "5.3.0", "A file of the system is missing"]],
  [73, [451, "4.2.0", "The program cannot create its output"]],
  [74, [451, "4.3.0", "The program cannot read or write a file"]],
  [75, [451, "4.3.0", "The program cannot take the message now"]],
  [76, [554, "5.5.0", "The program met an error in a protocol"]],
  [77, [550, "5.7.1", "The program may not deliver the message"]],
  [78, [554, "5.3.5", "The program is not set up right"]],
]);

/** Says what an exit status means. */
export function meaningOf(status: number): Meaning {
  return MEANINGS.get(status) ?? UNKNOWN;
}
