/** Clients that send all the time while the server is restarted. */
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";

/** How many clients there are, and how many messages each sends in a session. */
const CLIENTS = 20;
const IN_A_SESSION = 3;

/** Clients that send until they are told to stop. */
export interface UpgradeClients {
  /** The subjects of the messages that were acknowledged. */
  readonly taken: ReadonlySet<string>;
  /** How often a client was told 421 and came again. */
  readonly putOff: number;
  /** Has each end with the message that it is sending; rejects where one was treated badly. */
  stop(): Promise<void>;
}

/** Whether a reply sends the client away for now, in the one way that is allowed. */
function isFarewell({ code, text }: { readonly code: number; readonly text: string }): boolean {
  if (code === 421) return true;
  if (code < 400) return false;
  throw new Error(`Cannot go on: ${code} ${text}`);
}

/** Sends one message; answers whether it was taken, and fails where the server says neither 250 nor 421. */
async function sendMail(dialog: Dialog, subject: string): Promise<boolean> {
  const content = octets(`Subject: ${subject}\r\n\r\n${"x".repeat(1000)}\r\n`);
  try {
    const replies = await dialog.sendMail("a@client.test", ["box@local.test"], content);
    return !isFarewell(replies.at(-1)!);
  } catch (error) {
    // A server that goes says so before it is asked; what was sent into that has no answer of its own.
    const said = await dialog.reply().catch(() => undefined);
    if (said?.code === 421) return false;
    throw error;
  }
}

/** Starts the clients. */
export function startUpgradeClients(port: number): UpgradeClients {
  const taken = new Set<string>();
  let putOff = 0;
  let isStopping = false;

  /** Sends messages in a session of its own, as long as the server lets it. */
  async function session(client: number, first: number): Promise<number> {
    using dialog = await Dialog.begin(port, new Uint8Array(0));
    let number = first;
    const isWelcome = !isFarewell(await dialog.reply()) &&
      !isFarewell(await dialog.say("EHLO client.test"));
    while (isWelcome && number < first + IN_A_SESSION) {
      const subject = `${client}-${number}`;
      if (!(await sendMail(dialog, subject))) break;
      taken.add(subject);
      number++;
    }
    if (number < first + IN_A_SESSION) putOff++;
    return number;
  }

  async function run(client: number): Promise<void> {
    for (let number = 0; !isStopping;) number = await session(client, number);
  }

  const all = Promise.all(Array.from({ length: CLIENTS }, (_, client) => run(client)));
  // A failure is told when they are stopped.
  all.catch(() => isStopping = true);
  return {
    taken,
    get putOff() {
      return putOff;
    },
    async stop() {
      isStopping = true;
      await all;
    },
  };
}
