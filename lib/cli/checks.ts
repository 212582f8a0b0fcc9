/** What has to be good before a server starts, one thing after the other. @module */
import type { Config } from "../config.ts";
import { checkTogether } from "../config/together.ts";
import type { CertificateProblem } from "../net/certificate_check.ts";
import { noLog } from "../net/log.ts";
import { aliasesOf } from "./aliases_file.ts";
import { loadCertificates } from "./certificate_files.ts";
import { allRoutes } from "./compose.ts";
import { checkDirectories } from "./directories.ts";
import { faultsOf } from "./faults.ts";
import { openHooks } from "./hooks_file.ts";
import { checkProgram, hasProgramRoute } from "./program.ts";
import { authoritiesOf, checkCredentials } from "./tls_out.ts";
import { uiTokenOf } from "./ui.ts";
import { usersOf } from "./users_file.ts";

/** Takes what is not so wrong that a server should not start. */
export type Warn = (problem: Pick<CertificateProblem, "wrong" | "mend">) => void;

/** Something that settings name, and that may be bad. */
export interface Check {
  /** What it is, in a word. */
  readonly topic: string;
  /** Whether settings name anything of the kind. */
  concerns(config: Config): boolean;
  /**
   * Holds that it is good. Nothing stays changed.
   *
   * @throws {ConfigError} for settings that cannot stand together
   * @throws {Failure} for anything else
   */
  run(config: Config, warn: Warn): void | Promise<void>;
}

/** What a server finds out before it opens anything. */
const FIRST_CHECKS: readonly (Check & { run(config: Config): void })[] = [
  { topic: "settings", concerns: () => true, run: checkTogether },
  { topic: "directories", concerns: () => true, run: checkDirectories },
  { topic: "programs", concerns: hasProgramRoute, run: checkProgram },
  {
    topic: "credentials",
    concerns: (config) => allRoutes(config).some(({ route }) => "credentials" in route),
    run: (config) => checkCredentials(allRoutes(config).map(({ route }) => route)),
  },
  {
    topic: "authorities",
    concerns: ({ tlsAuthorities }) => tlsAuthorities !== undefined,
    run: (config) => void authoritiesOf(config),
  },
];

/** All that a server needs to be good. Those behind the first it reads by itself, and keeps. */
export const CHECKS: readonly Check[] = [
  ...FIRST_CHECKS,
  {
    topic: "faults",
    concerns: ({ fault }) => fault.length > 0,
    run: (config) => void faultsOf(config),
  },
  {
    topic: "hooks",
    concerns: ({ hooks }) => hooks !== undefined,
    async run(config) {
      await using _ = await openHooks(config, noLog);
    },
  },
  {
    topic: "aliases",
    concerns: ({ aliases }) => aliases !== undefined,
    run: (config) => aliasesOf(config, noLog)?.load(),
  },
  {
    topic: "users",
    concerns: ({ users }) => users !== undefined,
    run: (config) => usersOf(config, noLog)?.load(),
  },
  {
    topic: "ui token",
    concerns: ({ ui, uiTokenFile }) => ui !== undefined && uiTokenFile !== undefined,
    run: (config) => void uiTokenOf(config),
  },
  {
    topic: "certificate",
    concerns: (config) => config.tlsCert !== undefined || config.certificates.length > 0,
    async run(config, warn) {
      for (const problem of (await loadCertificates(config))?.warnings ?? []) warn(problem);
    },
  },
];

/**
 * Holds that what a server does not read for itself is good.
 *
 * @throws {ConfigError} for settings that cannot stand together
 * @throws {Failure} for anything else
 */
export function checkFirst(config: Config): void {
  for (const { run } of FIRST_CHECKS) run(config);
}
