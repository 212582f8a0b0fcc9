/** The process that hooks run in, as the server sees it. @module */
import { fileURLToPath } from "node:url";
import { LineReader, streamSource } from "./line_reader.ts";
import { type HookGrants, HOST_EXIT, MAX_SAID } from "./protocol.ts";
import { workerModules } from "./worker_modules.ts";

/** What is run as the host. */
export interface HostProgram {
  /** The path of the program. */
  readonly path: string;
  /** Its arguments. */
  readonly args: readonly string[];
}

/** What a host needs to be started. */
export interface HostOptions {
  /** The path of the module. */
  readonly file: string;
  /** What its hooks may do. */
  readonly grants: HookGrants;
  /** The variables of the environment that they may read, where they are set. */
  readonly environment: Readonly<Record<string, string>>;
  /** An executable that has the host in it; from source, Deno itself runs `host.ts`. */
  readonly program?: HostProgram;
}

/** A comma in a path ends it in a list of Deno's, unless it is doubled. */
function listed(flag: string, values: readonly string[]): string[] {
  if (values.length === 0) return [];
  return [`${flag}=${values.map((value) => value.replaceAll(",", ",,")).join()}`];
}

/** Deno, and the flags that let the host do what its worker may, and nothing else. */
function denoProgram(file: string, { net, read, env }: HookGrants): HostProgram {
  const host = fileURLToPath(new URL("./host.ts", import.meta.url));
  return {
    path: Deno.execPath(),
    args: [
      ...["run", "--quiet", "--no-prompt", "--no-config", "--no-lock"],
      // A module could ask a registry for a package by name, which takes no permission.
      ...["--no-remote", "--no-npm", "--unstable-worker-options"],
      ...listed("--allow-read", [...workerModules(), file, ...read]),
      ...listed("--allow-net", net),
      ...listed("--allow-env", env),
      host,
    ],
  };
}

/** What the process gets beside the variables that hooks may read. */
function ownVariables(): Record<string, string> {
  // Below a file there is no directory, so nothing is cached: `caches` would write where nobody looks.
  const none = `${fileURLToPath(import.meta.url)}/none`;
  const variables = { NO_COLOR: "1", DENO_DIR: none, DENO_NO_UPDATE_CHECK: "1" };
  // Without it, sockets do not work there.
  return Deno.build.os === "windows" ? { ...variables, SystemRoot: "C:\\Windows" } : variables;
}

const REASONS: ReadonlyMap<number, string> = new Map([
  [HOST_EXIT.memory, "they took more memory than hooksMemory says"],
  [HOST_EXIT.uncaught, "they threw an error that nobody caught"],
  [HOST_EXIT.confused, "their process could not read what it was asked"],
]);

/** A host that runs. */
export class HostProcess {
  /** What it writes to standard output, and to standard error. */
  readonly output: LineReader;
  readonly errors: LineReader;
  /** Settles with the reason when it has ended. */
  readonly ended: Promise<string>;
  readonly #child: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  /** Starts it. @throws what the system says where it cannot be started */
  constructor({ file, grants, environment, program }: HostOptions) {
    const { path, args } = program ?? denoProgram(file, grants);
    this.#child = new Deno.Command(path, {
      args: [...args],
      env: { ...environment, ...ownVariables() },
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    this.#input.closed.catch(() => {});
    this.output = new LineReader(streamSource(this.#child.stdout), MAX_SAID);
    this.errors = new LineReader(streamSource(this.#child.stderr), MAX_SAID);
    this.ended = this.#child.status.then(({ code, signal }) => {
      this.#input.abort().catch(() => {});
      return REASONS.get(code) ?? `their process ended (${signal ?? `exit code ${code}`})`;
    });
  }

  /** Writes octets to its standard input; never rejects, since {@linkcode ended} says what is wrong. */
  async write(bytes: Uint8Array): Promise<void> {
    await this.#input.write(bytes).catch(() => {});
  }

  /** Ends it at once. */
  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    // A process that it has left behind may hold these open.
    this.output.close();
    this.errors.close();
  }
}
