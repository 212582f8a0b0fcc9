/** Makes the settings of a command from its flags, the environment and the config file. @module */
import type { Config } from "../config.ts";
import { parseConfigFile } from "../config/file.ts";
import { flagName, KEYS } from "../config/names.ts";
import { type ConfigFile, settleConfig, type Settled, shown } from "../config/sources.ts";
import { EXIT, Failure } from "./failure.ts";
import type { CommandLine } from "./flags.ts";
import type { Surroundings } from "./surroundings.ts";

/** Larger than any config file; what goes on behind it is another file, or a device. */
const MAX_FILE = 1024 * 1024;

function readBounded(path: string): Uint8Array | undefined {
  using file = Deno.openSync(path);
  const bytes = new Uint8Array(MAX_FILE + 1);
  let length = 0;
  while (length < bytes.length) {
    const count = file.readSync(bytes.subarray(length));
    if (count === null) return bytes.subarray(0, length);
    length += count;
  }
  return undefined;
}

function configuration(wrong: string, mend: string, cause?: unknown): Failure {
  return new Failure(EXIT.configuration, wrong, mend, cause);
}

function readConfigFile(path: string): ConfigFile {
  const name = shown(path);
  let bytes: Uint8Array | undefined;
  try {
    bytes = readBounded(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) {
      throw configuration(
        `there is no config file ${name}`,
        "create it, or give another to --config",
        error,
      );
    }
    if (error instanceof Deno.errors.PermissionDenied) {
      const mend = "let the user that smtpd runs as read it";
      throw new Failure(EXIT.noPermission, `no permission to read ${name}`, mend, error);
    }
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw configuration(`cannot read ${name}`, "give a JSON file to --config", error);
  }
  if (bytes === undefined) {
    throw configuration(`${name} is larger than 1 MiB`, "give a JSON file to --config");
  }
  let text: string;
  try {
    text = new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw configuration(`${name} is not UTF-8`, "save it as UTF-8", error);
  }
  return parseConfigFile(path, text);
}

/**
 * Makes the settings, and says where each comes from.
 *
 * @throws {ConfigError} for a setting that cannot be used
 * @throws {Failure} where the config file cannot be read
 */
export function loadSettled(commandLine: CommandLine, around: Surroundings): Settled {
  const named = commandLine.flags.get("config")?.[0] ?? around.environment.get("SMTPD_CONFIG");
  const flags = new Map(KEYS.flatMap((key) => {
    const values = commandLine.flags.get(flagName(key));
    return values === undefined ? [] : [[key, values] as const];
  }));
  const file = named === undefined || named === "" ? undefined : readConfigFile(named);
  return settleConfig({ flags, environment: around.environment, file }, around.system);
}

/**
 * Makes the settings.
 *
 * @throws what {@linkcode loadSettled} throws
 */
export function loadConfig(commandLine: CommandLine, around: Surroundings): Config {
  return loadSettled(commandLine, around).config;
}
