/** The completions in the shells that they are for. */
import { assert, assertEquals } from "@std/assert";
import {
  LISTED_COMMON,
  LISTED_SETTINGS,
  listedCommands,
  placesOf,
} from "../../lib/cli/command_table.ts";
import { VERBS } from "../../lib/cli/run.ts";
import { openSqliteStore } from "../../lib/queue/sqlite_store.ts";
import { peerTest } from "../peers.ts";
import { put, recipient } from "../queue/fixture.ts";
import { type Completing, completing, type Shell } from "./completions.ts";

const commands = listedCommands(VERBS);

/** Files that a shell must neither stumble over nor take for something to run. */
const FILES = ["a file.json", "it's.json"];
const DIRECTORIES = ["my mail", "$(touch ran)", "`touch ran`", "; touch ran", "queue dir"];

/** What is typed, what it can become, and what it is about. */
type Row = readonly [line: string, answers: readonly string[]];

/** Makes the files, and messages in a queue; answers the ids. */
async function furnish({ path }: Completing): Promise<string[]> {
  for (const name of FILES) Deno.writeTextFileSync(`${path}/${name}`, "{}");
  for (const name of DIRECTORIES) Deno.mkdirSync(`${path}/${name}`);
  await using store = await openSqliteStore({ directory: `${path}/queue dir` });
  const ids: string[] = [];
  for (const local of ["joe", "$(touch ran)", "a\tb:c"]) {
    ids.push((await put(store, { recipients: [recipient(`${local}@one.example`)] })).id);
  }
  return ids.sort();
}

function rowsWith(ids: readonly string[]): Row[] {
  const [id] = ids;
  return [
    ["smtpd qu", ["queue"]],
    ["smtpd --port 2525 qu", ["queue"]],
    ["smtpd nothing ", []],
    ["smtpd queue sh", ["show"]],
    ["smtpd --queue x queue sh", ["show"]],
    ["smtpd queue list --sta", ["--state"]],
    ["smtpd --tls-out ve", ["verify"]],
    ["smtpd --tls-out=ve", ["verify"]],
    ["smtpd serve --log-level ", ["debug", "error", "info", "warn"]],
    ["smtpd queue list --state=he", ["held"]],
    ["smtpd --port ", []],
    ["smtpd queue list --from ", []],
    ["smtpd help que", ["queue"]],
    ["smtpd completions ", ["bash", "fish", "zsh"]],
    ["smtpd sendmail -R ", ["full", "hdrs"]],
    ["smtpd --config a", ["a file.json"]],
    ["smtpd --config=a\\ f", ["a file.json"]],
    ['smtpd --config "a f', ["a file.json"]],
    ["smtpd --config it", ["it's.json"]],
    ["smtpd --queue ", [...DIRECTORIES].sort()],
    ["smtpd --queue=m", ["my mail"]],
    ["smtpd --queue \\$", ["$(touch ran)"]],
    ["smtpd --maildir \\;", ["; touch ran"]],
    ["smtpd queue show --queue queue\\ dir ", ids],
    ['smtpd queue hold --queue="queue dir" ', ids],
    [`smtpd --queue 'queue dir' queue list ${id}`, [id]],
    ["smtpd queue show --queue '$(touch ran)' ", []],
    ["smtpd queue show --queue \\`touch\\ ran\\` ", []],
    ["smtpd queue show --queue $(touch ran) ", []],
    ["smtpd queue show --config 'a file.json' --prot ", []],
  ];
}

/** Every command, flag and choice of the table: what is offered is that and nothing else. */
function rowsOfTable(): Row[] {
  return placesOf(commands).flatMap(({ words, family, flags, takesSettings }) => {
    const line = ["smtpd", ...words].join(" ");
    const taken = [...flags, ...takesSettings ? LISTED_SETTINGS : [], ...LISTED_COMMON];
    const rows: Row[] = [[`${line} -`, taken.flatMap(({ written }) => written).sort()]];
    const names = family.map(({ words }) => words[words.length - 1]);
    if (names.length > 0) rows.push([`${line} `, names.sort()]);
    for (const { written, suggests } of flags) {
      if (suggests?.kind !== "words") continue;
      rows.push([`${line} ${written[0]} `, [...suggests.words].sort()]);
    }
    return rows;
  });
}

/** Holds that a shell completes each line to what stands beside it. */
async function compare(
  here: Completing,
  shell: Shell,
  file: string,
  rows: readonly Row[],
): Promise<void> {
  const answers = await here.complete(shell, file, rows.map(([line]) => line));
  for (const [i, [line, expected]] of rows.entries()) assertEquals(answers[i], expected, line);
}

for (const shell of ["bash", "zsh", "fish"] satisfies Shell[]) {
  peerTest({
    name: `${shell} completes what is typed, and runs nothing of it`,
    needs: [shell],
    async fn({ [shell]: file }) {
      using here = completing();
      const rows = rowsWith(await furnish(here));
      // Where nothing else may stand zsh offers flags, and it leaves a folder standing as it is.
      const full = ["smtpd explain ", "smtpd version ", "smtpd help queue "];
      if (shell !== "zsh") {
        rows.push(...full.map((line): Row => [line, []]), ["smtpd --config ~/he", ["~/here"]]);
      }
      await compare(here, shell, file, rows);
      const found = [...Deno.readDirSync(here.path)].map(({ name }) => name).sort();
      assertEquals(found, [...FILES, ...DIRECTORIES].sort());
    },
  });

  peerTest({
    name: `${shell} completes every command, flag and choice that there is, once it is installed`,
    needs: [shell],
    async fn({ [shell]: file }) {
      using here = completing();
      const settings = LISTED_SETTINGS.flatMap(({ written, suggests }): Row[] =>
        suggests?.kind === "words"
          ? written.map((name) => [`smtpd ${name} `, [...suggests.words].sort()])
          : []
      );
      const rows = [...rowsOfTable(), ...settings];
      assert(rows.length > 25);
      here.install();
      await compare(here, shell, file, rows);
    },
  });
}
