import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { listedCommands } from "../../lib/cli/command_table.ts";
import { EXIT } from "../../lib/cli/failure.ts";
import { VERBS } from "../../lib/cli/run.ts";
import { VERSION, VERSION_DATE } from "../../lib/cli/version.ts";
import { runProgram, temporaryDirectory } from "../e2e/smtpd.ts";
import { peerTest } from "../peers.ts";
import { call } from "./surroundings.ts";

const { out: page } = await call(["help", "--man"]);

/** The lines of a section of a page that was formatted. */
function sectionOf(text: string, name: string): string {
  const [, section] = new RegExp(`^${name}\n([^]*?)(?=^\\S|$(?![^]))`, "m").exec(text) ?? [];
  assert(section !== undefined, `Cannot find ${name} in\n${text}`);
  return section;
}

/** The page as it is read, without what makes letters bold. */
async function formatted(mandoc: string, text: string): Promise<string> {
  const input = new TextEncoder().encode(text);
  const shown = await runProgram(mandoc, ["-T", "ascii", "-O", "width=200"], { input });
  assertEquals(shown.code, 0, shown.text);
  return shown.text.replace(/.\x08/g, "");
}

peerTest({
  name: "formatters find nothing to warn of in the man page",
  needs: ["man", "mandoc"],
  async fn({ man, mandoc }) {
    using directory = temporaryDirectory();
    const file = `${directory.path}/smtpd.1`;
    Deno.writeTextFileSync(file, page);
    const env = { LC_ALL: "C.UTF-8", MANWIDTH: "80", MANPAGER: "cat" };
    const shown = await runProgram(man, ["--warnings", "-E", "ascii", "-l", file], { env });
    assertEquals(shown.code, 0, shown.text);
    // Warnings come behind the page, on standard error.
    assert(
      shown.text.trimEnd().split("\n").at(-1)?.includes(VERSION_DATE),
      shown.text.slice(-2000),
    );
    assertEquals(await runProgram(mandoc, ["-T", "lint", file]), { code: 0, text: "" });
  },
});

peerTest({
  name: "the man page shows what is typed as it is typed",
  needs: ["mandoc"],
  async fn({ mandoc }) {
    const text = await formatted(mandoc, page);
    const commands = listedCommands(VERBS);
    const examples = sectionOf(text, "EXAMPLES").split("\n").map((line) => line.trim());
    const lines = commands.flatMap(({ examples }) => examples.map(({ line }) => line));
    assert(lines.length > 5);
    for (const line of lines) assert(examples.includes(line), line);
    for (const { usage } of commands) {
      const shown = `smtpd ${usage.replaceAll(/[<>]/g, "")}`;
      assertStringIncludes(sectionOf(text, "SYNOPSIS"), shown);
    }
    const codes = sectionOf(text, "EXIT STATUS").match(/^ +\d+(?= )/gm)?.map(Number);
    assertEquals(codes, Object.values(EXIT));
    for (const name of ["SMTPD_SECRET_NAME", "XDG_STATE_HOME", "SMTPD_PORT"]) {
      assertStringIncludes(sectionOf(text, "ENVIRONMENT"), name);
    }
    assertStringIncludes(sectionOf(text, "SIGNALS"), "SIGHUP");
    assertStringIncludes(sectionOf(text, "FILES"), "queue.db");
    assertStringIncludes(sectionOf(text, "CONFIGURATION FILE"), '"localDomain": ["example.org"]');
  },
});

Deno.test("the date of the man page is that of the release", async () => {
  const changelog = await Deno.readTextFile(new URL("../../CHANGELOG.md", import.meta.url));
  const [, when] = new RegExp(`^## ${VERSION} \\((.*)\\)$`, "m").exec(changelog) ?? [];
  assert(when === "unreleased" || when === VERSION_DATE, when);
  assertStringIncludes(page, `\n.TH SMTPD 1 ${VERSION_DATE} "smtpd ${VERSION}"`);
});
