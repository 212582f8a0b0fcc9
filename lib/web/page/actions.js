/** What is done to messages without a question. @module */
import { act } from "./api.js";
import { counted } from "./format.js";
import { sayDone, sayProblem } from "./notice.js";

/**
 * Does what needs no question, and says so.
 *
 * @param {"hold" | "retry"} action
 * @param {readonly string[]} ids
 */
export async function actNow(action, ids) {
  const words = { hold: ["hold", "on hold"], retry: ["try again with", "to be tried now"] }[action];
  const what = counted(ids.length, "message");
  try {
    await act(action, ids);
    sayDone(`${what} ${words[1]}`);
  } catch (error) {
    sayProblem(`Cannot ${words[0]} ${what}`, error);
  }
}

/**
 * Marks messages as seen or not; answers whether that has worked. Nobody asked for words about it.
 *
 * @param {readonly string[]} ids
 * @param {boolean} seen
 */
export async function markSeen(ids, seen) {
  try {
    await act(seen ? "seen" : "unseen", ids);
    return true;
  } catch (error) {
    sayProblem(
      `Cannot mark ${counted(ids.length, "message")} as ${seen ? "seen" : "unseen"}`,
      error,
    );
    return false;
  }
}
