/** Guesses of passwords, made by many clients at once. */
import type { Dialog } from "../e2e/dialog.ts";
import { clientOf, greeted } from "../e2e/proxied.ts";

/** Which guesses are made. */
export interface Guesses {
  readonly port: number;
  /** The number of the first client, of those that follow each other. */
  readonly first: number;
  readonly clients: number;
  /** How many all of them make. */
  readonly guesses: number;
  /** For so long at most. */
  readonly seconds: number;
}

/** Every tenth guess is one of SCRAM, with a proof that cannot be right; answers the code. */
async function guess(dialog: Dialog, number: number): Promise<number> {
  if (number % 10 !== 0) {
    return (await dialog.say(`AUTH PLAIN ${btoa(`\0ali\0guess${number}`)}`)).code;
  }
  const first = await dialog.say(`AUTH SCRAM-SHA-256 ${btoa(`n,,n=ali,r=nonce${number}`)}`);
  if (first.code !== 334) return first.code;
  const [, nonce] = /r=([^,]+)/.exec(atob(first.text)) ?? [];
  const proof = btoa(String.fromCharCode(...new Uint8Array(32)));
  const last = await dialog.say(btoa(`c=biws,r=${nonce},p=${proof}`));
  // The server's last word is a challenge, which takes an empty response (RFC 4954 section 4).
  return last.code === 334 ? (await dialog.say("")).code : last.code;
}

/** What guesses were answered with, and how often. */
export type Answers = Map<string, number>;

function add(answers: Answers, what: string): void {
  answers.set(what, (answers.get(what) ?? 0) + 1);
}

/** Guesses so often as one client, each time in a new session where the last one was ended. */
async function guessAs(
  client: string,
  port: number,
  guesses: number,
  answers: Answers,
  isOver: () => boolean,
): Promise<void> {
  for (let left = guesses; left > 0 && !isOver();) {
    try {
      const { dialog, greeting } = await greeted(port, client);
      using _ = dialog;
      if (greeting.code !== 220) {
        add(answers, `${greeting.code} at connect`);
        left--;
        continue;
      }
      await dialog.say("EHLO client.test");
      for (let code = 0; left > 0 && code !== 421 && !isOver(); left--) {
        code = await guess(dialog, left);
        add(answers, `${code}`);
      }
    } catch (error) {
      // A client gives up when a reply takes longer than a dialog waits.
      add(answers, error instanceof Deno.errors.ConnectionRefused ? "refused" : "given up");
      left--;
    }
  }
}

/** Guesses as many clients, of as many networks; answers what they were answered. */
export async function guessFrom(
  { port, first, clients, guesses, seconds }: Guesses,
): Promise<Answers> {
  const start = performance.now();
  const isOver = () => performance.now() - start > seconds * 1000;
  const answers: Answers = new Map();
  await Promise.all(Array.from({ length: clients }, async (_, i) => {
    await guessAs(clientOf(first + i), port, guesses / clients, answers, isOver);
  }));
  return answers;
}
