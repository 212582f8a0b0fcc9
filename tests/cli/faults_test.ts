import { assertEquals } from "@std/assert";
import { call } from "./surroundings.ts";

const NO_CERTIFICATE = "there is no certificate: change the rule, or leave it out";

const table: readonly (readonly [flags: string[], code: number, err: string])[] = [
  [
    ["--fault", "rcpt"],
    64,
    "cannot use --fault rcpt: it says nothing of what to do; write one of reply, delay, slow, drop, " +
    "hang, fail at its end",
  ],
  [
    ["--fault", "rcpt reply 250 Ok"],
    64,
    'cannot use --fault "rcpt reply 250 Ok": reply needs a code of 4yz or 5yz; write reply 451 or ' +
    "the like",
  ],
  [["--fault", "tls fail"], 78, `cannot use the fault rule "tls fail": ${NO_CERTIFICATE}`],
  [
    ["--fault", "starttls drop"],
    78,
    `cannot use the fault rule "starttls drop": ${NO_CERTIFICATE}`,
  ],
  [
    ["--fault", "auth drop"],
    78,
    'cannot use the fault rule "auth drop": there are no accounts: change the rule, or leave it out',
  ],
  [
    ["--fault", "mail service=submission drop"],
    78,
    'cannot use the fault rule "mail service=submission drop": there is no service submission: ' +
    "change the rule, or leave it out",
  ],
  [
    ["--max-size", "1KB", "--fault", "content after=1MB drop"],
    78,
    'cannot use the fault rule "content after=1MB drop": no message is of more than 1000 octets: ' +
    "change the rule, or leave it out",
  ],
  [
    ["--fault", "none"],
    78,
    "--fault none leaves the rules to the API, and there is no --ui: give --ui PORT, or a rule",
  ],
  [
    ["--fault", "none", "--fault", "mail drop", "--ui", "0"],
    78,
    "--fault none stands beside others: leave none out",
  ],
  [
    Array(101).fill(["--fault", "mail drop"]).flat(),
    78,
    "cannot take 101 fault rules: 100 at most: change the rule, or leave it out",
  ],
  [
    ["--fault-seed", "x"],
    64,
    "cannot use --fault-seed x: give a whole number, 0 to 4294967295",
  ],
];

Deno.test("faults that cannot be are refused by serve and check, in one line", async () => {
  for (const [flags, code, err] of table) {
    for (const verb of ["check", "serve"]) {
      const args = [verb, "--port", "0", "--host", "127.0.0.1", "--log-level", "error", ...flags];
      const said = await call(args);
      assertEquals(said, { code, out: "", err: `smtpd: ${err}\n` }, `${verb} ${flags}`);
    }
  }
});

Deno.test("faults come from flags, the environment and the config file", async () => {
  const directory = Deno.makeTempDirSync({ prefix: "smtpd-faults-" });
  const path = `${directory}/smtpd.json`;
  try {
    Deno.writeTextFileSync(
      path,
      JSON.stringify({ fault: ["mail drop", "rcpt hang"], faultSeed: 7 }),
    );
    const good = { code: 0, out: "smtpd: configuration is good\n", err: "" };
    const base = ["check", "--queue", directory];
    assertEquals(await call([...base, "--config", path]), good);
    assertEquals(await call([...base, "--fault", "mail drop", "--fault", "quit hang"]), good);
    assertEquals(await call(base, { SMTPD_FAULT: "mail drop, rcpt to=a@b reply 451 Later" }), good);
    assertEquals(await call([...base, "--fault", "none", "--ui", "0"]), good);
    const { code, err } = await call(base, { SMTPD_FAULT: "mail drop,rcpt" });
    assertEquals([code, err.slice(0, 36)], [78, "smtpd: cannot use SMTPD_FAULT=rcpt: "]);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
