/** `smtpd doctor`: looks at the machine and the network as a server with these settings would use them. @module */
import type { Config } from "../config.ts";
import { ConfigError, shown } from "../config/sources.ts";
import { domain } from "../config/values.ts";
import { domainExaminations } from "./doctor/domains.ts";
import { type Examination, findingsOf } from "./doctor/finding.ts";
import { settingsExaminations } from "./doctor/guards.ts";
import { machineExaminations } from "./doctor/machine.ts";
import { networkExaminations } from "./doctor/network.ts";
import { ownNameExaminations } from "./doctor/own_names.ts";
import { portExaminations } from "./doctor/ports.ts";
import { queueExaminations } from "./doctor/queue_state.ts";
import { printable } from "../smtp/reply.ts";
import { realWorld, type World } from "./doctor/world.ts";
import { EXIT, type ExitCode } from "./failure.ts";
import { asciiJson, counted } from "./queue_words.ts";
import type { Surroundings } from "./surroundings.ts";
import { type Call, checkOperands, type Verb } from "./verb.ts";

/** Whose mail hosts and web server are asked where nothing else is said. */
const PROBE = "gmail.com";

/** How it is told. */
export interface DoctorOptions {
  /** Whose mail hosts and web server are asked; nobody's if left out. */
  readonly probe?: string;
  readonly isJson: boolean;
}

function examinationsOf(config: Config, world: World, probe: string | undefined): Examination[] {
  return [
    ...machineExaminations(config, world, probe),
    ...settingsExaminations(config),
    ...queueExaminations(config, world),
    ...portExaminations(config, world),
    ...ownNameExaminations(config, world),
    ...domainExaminations(config, world),
    ...networkExaminations(config, world, probe),
  ];
}

/**
 * Looks at everything at the same time, and tells it in the same order each time: a line for each finding
 * on standard output, and how many there were on standard error.
 *
 * @returns 78 where anything has failed
 */
export async function diagnose(
  config: Config,
  world: World,
  { probe, isJson }: DoctorOptions,
  { out, err }: Pick<Surroundings, "out" | "err">,
): Promise<ExitCode> {
  const examinations = examinationsOf(config, world, probe);
  const width = Math.min(24, Math.max(...examinations.map(({ topic }) => topic.length)));
  const counts = { ok: 0, warn: 0, fail: 0, skip: 0 };
  const all = examinations.map((each) => findingsOf(each, world.clock));
  for (const [index, findings] of (await Promise.all(all)).entries()) {
    const { topic } = examinations[index];
    for (const finding of findings) {
      counts[finding.status]++;
      if (isJson) {
        const { status, ...rest } = finding;
        out(asciiJson({ status, topic, ...rest }));
      } else {
        const mend = "mend" in finding ? `: ${finding.mend}` : "";
        const text = printable(`${finding.found}${mend}`);
        out(`${finding.status.padEnd(4)}  ${topic.padEnd(width)}  ${text}`);
      }
    }
  }
  err(
    `${counts.fail} failed, ${counted(counts.warn, "warning")}, ${counts.ok} ok, ` +
      `${counts.skip} not looked at`,
  );
  return counts.fail > 0 ? EXIT.configuration : EXIT.ok;
}

function probeOf({ flags }: Call): string | undefined {
  const text = flags.get("probe")?.[0] ?? PROBE;
  if (text === "off") return undefined;
  const probe = domain.parse(text);
  if (probe !== undefined) return probe;
  throw new ConfigError("flag", `cannot use --probe ${shown(text)}`, `${domain.expects}, or off`);
}

/** The command. */
export const doctor: Verb = {
  usage: "doctor [flags]",
  summary: "look whether machine and DNS fit the settings",
  takesSettings: true,
  flags: [
    {
      name: "probe",
      placeholder: "DOMAIN",
      meaning:
        "connect to a mail host of it to see whether mail gets out, and ask its web server " +
        "for the time; off asks nobody",
      shownDefault: PROBE,
      repeatable: false,
    },
    {
      name: "json",
      meaning: "one object a line: status, topic, found and mend",
      repeatable: false,
    },
  ],
  examples: [{
    purpose: "on a new machine before mail comes to it",
    line: "smtpd doctor --config /etc/smtpd.json",
  }],
  details: () =>
    "It takes the flags of serve, and looks at everything as a server with them would\n" +
    "use it: files, disk, queue, ports, its own name and the way back to it, MX and\n" +
    "SPF records, the name server, next hops, the clock. No mail is sent and nothing\n" +
    "is changed; it works whether or not the server runs. A line has ok, warn, fail\n" +
    "or skip, what was looked at, what was found, and how to mend what is not well.\n\n" +
    "Run it as the user that smtpd runs as, who may or may not use its files. It\n" +
    "exits with 0 where nothing has failed, whatever was warned about, else with 78.",
  async run(call) {
    checkOperands(call, 0, 0, doctor.usage);
    const probe = probeOf(call);
    const config = call.config();
    const isJson = call.flags.get("json")?.[0] === "true";
    return await diagnose(config, realWorld(config), { probe, isJson }, call.around);
  },
};
