/** Servers that have a recipe of the cookbook, `lib/hooks/cookbook/`, for their hooks. */
import { assert, assertMatch } from "@std/assert";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { readMailbox } from "./mailbox.ts";
import { eventually, type Smtpd, startSmtpd, temporaryDirectory } from "./smtpd.ts";

const RECIPES = new URL("../../lib/hooks/cookbook/", import.meta.url).pathname;

/** How a recipe is served. */
export interface RecipeOptions {
  /** What stands in the recipe, and what a copy of it has in its place; the recipe as it is if left out. */
  readonly changes?: Readonly<Record<string, string>>;
  /** Settings of the config file. */
  readonly settings?: Readonly<Record<string, unknown>>;
  readonly flags?: readonly string[];
}

/** A server with a recipe, for `example.org`. */
export interface RecipeServer extends AsyncDisposable {
  readonly smtpd: Smtpd;
  /** Waits until a mailbox has a message that matches, and answers that message. */
  delivered(mailbox: string, pattern: RegExp): Promise<string>;
}

/** Starts a server with a recipe by the name of its file. */
export async function serveRecipe(
  name: string,
  { changes = {}, settings = {}, flags = [] }: RecipeOptions = {},
): Promise<RecipeServer> {
  using resources = new DisposableStack();
  const { path } = resources.use(temporaryDirectory());
  let file = `${RECIPES}${name}.js`;
  if (Object.keys(changes).length > 0) {
    let source = Deno.readTextFileSync(file);
    for (const [from, to] of Object.entries(changes)) {
      assert(source.includes(from), `Cannot find ${from} in ${name}`);
      source = source.replace(from, to);
    }
    file = `${path}/${name}.js`;
    Deno.writeTextFileSync(file, source);
  }
  Deno.writeTextFileSync(`${path}/smtpd.json`, JSON.stringify(settings));
  const smtpd = await startSmtpd(
    ...["--config", `${path}/smtpd.json`, "--hooks", file],
    ...["--local-domain", "example.org", "--maildir", `${path}/mail`, ...flags],
  );
  const directory = resources.move();
  return {
    smtpd,
    delivered: (mailbox, pattern) =>
      eventually(
        () =>
          readMailbox(`${path}/mail/example.org/${mailbox}`)
            .map((message) => new TextDecoder().decode(message))
            .find((message) => pattern.test(message)),
        () => JSON.stringify(smtpd.events()),
      ),
    async [Symbol.asyncDispose]() {
      await smtpd.stop();
      directory[Symbol.dispose]();
    },
  };
}

/** One message, and what becomes of it. */
export interface Attempt {
  readonly from?: string;
  readonly to?: string;
  /** The message, lines ending in LF. */
  readonly message?: string;
  /** The last reply that the client gets. */
  readonly reply: RegExp;
  /** The mailbox that has the message then, and what it matches there. */
  readonly delivered?: readonly [mailbox: string, pattern: RegExp];
}

/** Sends a message in a transaction of its own; answers the last reply. */
export async function attempt(dialog: Dialog, sent: Omit<Attempt, "reply">): Promise<string> {
  const { from = "a@client.test", to = "joe@example.org", message = "Subject: hello\n\nHello\n" } =
    sent;
  const content = octets(message.replaceAll("\n", "\r\n"));
  const { code, text } = (await dialog.sendMail(from, [to], content)).at(-1)!;
  await dialog.say("RSET");
  return `${code} ${text}`;
}

/** Makes attempts one after the other in a session, which is of a client of this host if left out. */
export async function assertAttempts(
  { smtpd, delivered }: RecipeServer,
  attempts: readonly Attempt[],
  open: (port: number) => Promise<Dialog> = Dialog.open,
): Promise<void> {
  using dialog = await open(smtpd.port);
  for (const each of attempts) {
    assertMatch(await attempt(dialog, each), each.reply, JSON.stringify(each));
    if (each.delivered !== undefined) await delivered(...each.delivered);
  }
}
