/** Notices as a mail program sees them: Python's email package reads them. */
import { assertEquals, assertMatch } from "@std/assert";
import { peerTest } from "../peers.ts";
import { GOLDEN, make } from "./dsn_notices.ts";

/** Prints what the parser found as JSON: fields, parts, and the fields of each block of the report. */
const SCRIPT = `
import email, email.policy, json, sys
octets = sys.stdin.buffer.read()
# From octets the parser takes header fields in UTF-8 for an unknown charset.
m = email.message_from_bytes(octets, policy=email.policy.SMTPUTF8) if octets.partition(b"To: ")[2].partition(b">")[0].isascii() \\
  else email.message_from_string(octets.decode(), policy=email.policy.SMTPUTF8)
parts = list(m.iter_parts())
report = parts[1].get_payload()
def fields(block): return [[k, str(v)] for k, v in block.items()]
def body(part):
    inner = part.get_payload()
    return inner[0].as_string() if isinstance(inner, list) else part.get_content()
print(json.dumps({
  "type": m.get_content_type(),
  "report": m.get_param("report-type"),
  "defects": [str(d) for p in m.walk() for d in p.defects],
  "to": [a.username + "@" + a.domain for a in m["To"].addresses],
  "subject": m["Subject"],
  "auto": m["Auto-Submitted"],
  "parts": [p.get_content_type() for p in parts],
  "text": parts[0].get_content(),
  "blocks": [fields(b) for b in report],
  "returned": body(parts[2]) if parts[2].get_content_type() != "message/global-headers" else "",
}))
`;

interface Seen {
  type: string;
  report: string;
  defects: string[];
  to: string[];
  subject: string;
  auto: string;
  parts: string[];
  text: string;
  blocks: [string, string][][];
  returned: string;
}

async function see(python: string, name: string): Promise<Seen> {
  const { octets } = await make(GOLDEN.get(name));
  const child = new Deno.Command(python, {
    args: ["-c", SCRIPT],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(octets);
  await writer.close();
  const { success, stdout, stderr } = await child.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  return JSON.parse(new TextDecoder().decode(stdout));
}

/** The values of one field over all recipients. */
function values(seen: Seen, name: string): (string | undefined)[] {
  return seen.blocks.slice(1).map((block) => block.find(([field]) => field === name)?.[1]);
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
