/** XCLIENT from a peer that is named in the config file, by a client that knows it. */
import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { peerTest } from "../peers.ts";
import { readMailbox } from "./mailbox.ts";
import { runProgram, startPassThrough, temporaryDirectory } from "./smtpd.ts";

peerTest({
  name: "swaks speaks for a client by XCLIENT where it is trusted, and nowhere else",
  needs: ["swaks"],
  async fn({ swaks }) {
    using directory = temporaryDirectory();
    const file = `${directory.path}/smtpd.json`;
    async function start(xclient: readonly string[]) {
      await Deno.writeTextFile(file, JSON.stringify({ xclient }));
      return await startPassThrough(
        ...["--config", file, "--local-domain", "local.test"],
        ...["--maildir", `${directory.path}/mail`],
      );
    }
    const send = (port: number, to: string, ...flags: string[]) =>
      runProgram(swaks, [
        ...["--server", "127.0.0.1", "--port", `${port}`, "--helo", "client.test"],
        ...["--from", "a@client.test", "--to", to, ...flags],
      ]);
    const client = ["--xclient-addr", "IPV6:2001:db8::7", "--xclient-name", "client.test"];
    {
      await using smtpd = await start(["127.0.0.0/8"]);
      const sent = await send(smtpd.port, "joe@local.test", ...client);
      assertEquals(sent.code, 0, sent.text);
      const [message] = readMailbox(`${directory.path}/mail/local.test/joe`);
      assertMatch(new TextDecoder().decode(message), /^Received: from .*\[IPv6:2001:db8::7\]/m);
      // The peer may relay, being on this host; the client it speaks for may not.
      const relayed = await send(smtpd.port, "joe@elsewhere.test", ...client);
      assertMatch(relayed.text, /550 5\.7\.1/);
      const event = await smtpd.event("xclient", { for: "2001:db8::7" });
      assertEquals(event.client, "127.0.0.1");
    }
    await using smtpd = await start(["192.0.2.0/24"]);
    const refused = await send(smtpd.port, "joe@local.test", ...client);
    assertNotEquals(refused.code, 0);
    assertMatch(refused.text, /Host did not advertise XCLIENT/);
  },
});
