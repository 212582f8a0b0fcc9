/** Reads notices as a mail program does: with Python's email package. */

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

/** A notice as Python sees it. */
export interface SeenNotice {
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

/** Has Python read the octets of a notice. */
export async function readNotice(python: string, octets: Uint8Array): Promise<SeenNotice> {
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
export function values(seen: SeenNotice, name: string): (string | undefined)[] {
  return seen.blocks.slice(1).map((block) => block.find(([field]) => field === name)?.[1]);
}
