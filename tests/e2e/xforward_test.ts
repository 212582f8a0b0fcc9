/** XFORWARD from a Postfix in front, as from one that hands mail to a content filter. */
import { assertEquals, assertMatch } from "@std/assert";
import { peerTest } from "../peers.ts";
import { Dialog } from "./dialog.ts";
import { POSTFIX, startPostfix } from "./postfix.ts";
import { startPassThrough, temporaryDirectory } from "./smtpd.ts";

const MESSAGE = new TextEncoder().encode("Subject: a\r\n\r\nb\r\n");

peerTest({
  name: "Postfix says by XFORWARD where it has a message from, and the log has it",
  needs: [POSTFIX],
  async fn() {
    using directory = temporaryDirectory();
    const file = `${directory.path}/smtpd.json`;
    await Deno.writeTextFile(file, JSON.stringify({ xforward: ["127.0.0.0/8"] }));
    await using smtpd = await startPassThrough(
      ...["--config", file, "--local-domain", "local.test"],
      ...["--maildir", `${directory.path}/mail`],
    );
    await using postfix = await startPostfix(directory.path, "127.0.0.1", {
      relayhost: `[127.0.0.1]:${smtpd.port}`,
      smtp_send_xforward_command: "yes",
      smtpd_authorized_xforward_hosts: "127.0.0.0/8",
    });
    // What is said to Postfix by XFORWARD it says again: the client of the filter in front of it.
    for (const address of ["192.0.2.7", "198.51.100.8"]) {
      using dialog = await Dialog.open(postfix.port);
      const said = await dialog.say(
        `XFORWARD ADDR=${address} NAME=client.test HELO=there.test PROTO=ESMTP`,
      );
      assertEquals(said.code, 250, said.text);
      const replies = await dialog.sendMail("a@client.test", ["joe@local.test"], MESSAGE);
      const queued = /queued as (\w+)/.exec(replies.at(-1)!.text)?.[1];
      const event = await smtpd.event("accepted", { for: address });
      assertEquals(
        [event.client, event.forName, event.forHelo],
        ["127.0.0.1", "client.test", "there.test"],
      );
      assertMatch(`${event.forId}`, new RegExp(`^${queued}$`));
    }
  },
});
