/** What the sender is told, and how often, while time goes by. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { readNotice, values } from "../message/dsn_reader.ts";
import { freePort, peerTest } from "../peers.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { Hops } from "./hops.ts";
import { readMailbox } from "./mailbox.ts";
import { eventually, startSmtpd, temporaryDirectory } from "./smtpd.ts";

const CONTENT = octets("Subject: patience\r\n\r\nx\r\n");

peerTest({
  name: "the sender is told once of the delay, and of the failure when the lifetime is over",
  needs: ["python3"],
  async fn({ python3 }) {
    using directory = temporaryDirectory();
    const port = freePort();
    using hops = new Hops(port, { "127.0.0.1": { rcpt: "451 4.2.1 mailbox locked" } });
    const config = `${directory.path}/smtpd.json`;
    const settings = { retry: ["200ms"], delayNotice: "1s", queueLifetime: "4s" };
    Deno.writeTextFileSync(config, JSON.stringify(settings));
    await using smtpd = await startSmtpd(
      ...["--config", config, "--route", `smtp://127.0.0.1:${port}`],
      ...["--local-domain", "local.test", "--maildir", `${directory.path}/mail`],
    );
    using dialog = await Dialog.open(smtpd.port);
    for (const from of ["a@local.test", ""]) {
      const replies = await dialog.sendMail(from, ["b@other.test", "c@other.test"], CONTENT);
      assertEquals(replies.at(-1)!.code, 250);
    }
    await eventually(() => smtpd.events("failed").length === 4 || undefined);
    await eventually(() => smtpd.events("delivered").length === 2 || undefined);
    const notices = await Promise.all(
      readMailbox(`${directory.path}/mail/local.test/a`).map((file) => readNotice(python3, file)),
    );
    for (const notice of notices) {
      assertEquals(notice.defects, []);
      assertEquals(notice.to, ["a@local.test"]);
      assertEquals(values(notice, "Final-Recipient"), [
        "rfc822; b@other.test",
        "rfc822; c@other.test",
      ]);
      for (const code of values(notice, "Diagnostic-Code")) {
        assertMatch(code!, /^smtp; 451 4\.2\.1 mailbox locked/);
      }
    }
    const actions = notices.map((notice) => values(notice, "Action").join(" ")).sort();
    assertEquals(actions, ["delayed delayed", "failed failed"]);
    // Tried a few times, and given up at its time: not before, and not long after.
    const [{ time: accepted }] = smtpd.events("accepted");
    const [{ time: failed }] = smtpd.events("failed");
    const age = Date.parse(`${failed}`) - Date.parse(`${accepted}`);
    assert(age >= 3_900 && age < 8_000, `it was given up after ${age} ms`);
    const tries = hops.seen("127.0.0.1").commands.filter((line) => line.includes("<b@other.test>"));
    assert(tries.length >= 4, `there were ${tries.length} attempts`);
  },
});
