import { assertEquals, assertMatch } from "@std/assert";
import { relay } from "../../lib/mod.ts";
import type { StsPolicies } from "../../lib/mod.ts";
import { startNameServer } from "../e2e/name_server.ts";
import { temporaryDirectory } from "../e2e/smtpd.ts";
import { peerTest } from "../peers.ts";
import { envelope, slices } from "./fake_relay.ts";

peerTest({
  name:
    "relay asks for the MTA-STS policy of each domain, and sends nothing where it cannot be had",
  needs: ["dnsmasq"],
  async fn({ dnsmasq }) {
    using directory = temporaryDirectory();
    await using names = await startNameServer(dnsmasq, directory.path, []);
    const asked: string[] = [];
    const policies: Pick<StsPolicies, "policyFor"> = {
      policyFor(domain) {
        asked.push(domain);
        return Promise.reject(new Error("no answer"));
      },
    };
    const message = {
      ...envelope(["ann@x.test", "bob@y.test"]),
      content: slices("Subject: a\r\n\r\n", 99),
    };
    const results = await relay(message, {
      policies,
      nameServer: { address: "127.0.0.1", port: names.port },
    });
    assertEquals(asked.toSorted(), ["x.test", "y.test"]);
    assertEquals(results.map(({ status }) => status), ["deferred", "deferred"]);
    for (const result of results) {
      assertMatch(
        result.reply.lines[0],
        /MTA-STS policy of [xy]\.test cannot be had now: no answer/,
      );
    }
  },
});
