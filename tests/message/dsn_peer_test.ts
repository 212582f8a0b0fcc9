/** Notices as a mail program sees them: Python's email package reads them. */
import { assertEquals, assertMatch } from "@std/assert";
import { peerTest } from "../peers.ts";
import { GOLDEN, make } from "./dsn_notices.ts";
import { readNotice, type SeenNotice, values } from "./dsn_reader.ts";

/** Has Python read one of the notices that are made for tests. */
async function see(python: string, name: string): Promise<SeenNotice> {
  const { octets } = await make(GOLDEN.get(name));
  return await readNotice(python, octets);
}

peerTest({
  name: "Python reads notices: parts, recipients, actions and statuses",
  needs: ["python3"],
  fn: async ({ python3 }, t) => {
    const table: [name: string, third: string, actions: string[], statuses: string[]][] = [
      ["failure", "text/rfc822-headers", ["failed", "failed"], ["5.1.1", "5.1.1"]],
      ["failure_full", "message/rfc822", ["failed"], ["5.1.1"]],
      ["delay", "text/rfc822-headers", ["delayed"], ["4.4.1"]],
      [
        "success",
        "text/rfc822-headers",
        ["delivered", "relayed", "expanded"],
        ["2.0.0", "2.0.0", "2.0.0"],
      ],
      [
        "mixed",
        "text/rfc822-headers",
        ["delayed", "failed", "failed"],
        ["4.4.1", "4.4.1", "5.0.0"],
      ],
      ["utf8_to_ascii", "message/rfc822", ["failed"], ["5.1.1"]],
    ];
    for (const [name, third, actions, statuses] of table) {
      await t.step(name, async () => {
        const seen = await see(python3, name);
        assertEquals(seen.defects, []);
        assertEquals([seen.type, seen.report], ["multipart/report", "delivery-status"]);
        assertEquals(seen.parts, ["text/plain", "message/delivery-status", third]);
        assertEquals(seen.to, ["joe@example.org"]);
        assertEquals(seen.auto, "auto-replied");
        assertEquals(values(seen, "Action"), actions);
        assertEquals(values(seen, "Status"), statuses);
        assertEquals(seen.blocks[0].map(([field]) => field), [
          "Original-Envelope-Id",
          "Reporting-MTA",
          "Received-From-MTA",
          "Arrival-Date",
        ]);
        assertMatch(seen.text, /^This is the mail server mx\.example\.org\. /);
        assertMatch(seen.returned, /^Subject: Lunch$/m);
        assertEquals(/^At one\?$/m.test(seen.returned), name === "failure_full");
      });
    }
  },
});

peerTest({
  name: "Python reads a notice in UTF-8",
  needs: ["python3"],
  fn: async ({ python3 }) => {
    const seen = await see(python3, "utf8");
    assertEquals(seen.defects, []);
    assertEquals(seen.to, ["jürgen@bücher.example"]);
    assertEquals(seen.parts, [
      "text/plain",
      "message/global-delivery-status",
      "message/global-headers",
    ]);
    assertMatch(seen.text, /^ {2}宋@例\.example\r?\n/m);
    assertMatch(seen.text, /^ {6}550 5\.1\.1 Kein Postfach für 宋\r?\n/m);
  },
});
