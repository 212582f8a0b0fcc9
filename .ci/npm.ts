/**
 * Reads packages from npm without installing them: a pinned tarball is fetched, its digest checked,
 * and its files handed out one by one. Imports nothing remote, since it runs before anything is there.
 */

import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";

/** One published version, named by the digest that the registry recorded for it. */
export interface Package {
  name: string;
  version: string;
  /** SHA-512 of the tarball, base64. */
  sha512: string;
}

/** A regular file of a tarball. */
export interface Entry {
  path: string;
  body: Uint8Array<ArrayBuffer>;
}

/**
 * Puts the tarball of each package into `dir` and returns the paths in the same order.
 *
 * npm goes first because it knows the registry, proxy, credentials and certificates of its machine;
 * a machine without npm asks the registry itself.
 */
export async function fetchPackages(packages: Package[], dir: string): Promise<string[]> {
  const paths = packages.map((p) => `${dir}/${tarballName(p)}`);
  try {
    await npmPack(packages, dir);
  } catch (npmError) {
    try {
      await Promise.all(packages.map((p, i) => download(p, paths[i])));
    } catch (error) {
      throw new Error(`Cannot fetch from npm: ${brief(npmError)}; ${brief(error)}`);
    }
  }
  await Promise.all(packages.map((p, i) => verify(p, paths[i])));
  return paths;
}

/** Yields the regular files of a gzipped tar archive in which npm's plain names suffice. */
export async function* untar(path: string): AsyncGenerator<Entry> {
  const file = await Deno.open(path);
  const read = reader(file.readable.pipeThrough(new DecompressionStream("gzip")));
  while (true) {
    const header = await read(512);
    if (header.length < 512 || header[0] === 0) return;
    const size = parseInt(text(header, 124, 12), 8);
    const body = await read(Math.ceil(size / 512) * 512);
    const isFile = header[156] === 0 || header[156] === 0x30;
    if (!isFile) continue;
    const prefix = text(header, 345, 155);
    const name = text(header, 0, 100);
    yield { path: prefix ? `${prefix}/${name}` : name, body: body.subarray(0, size) };
  }
}

/** The file name that `npm pack` gives: `@scope/name` becomes `scope-name`. */
function tarballName({ name, version }: Package): string {
  return `${name.replace("@", "").replace("/", "-")}-${version}.tgz`;
}

async function npmPack(packages: Package[], dir: string): Promise<void> {
  const npm = new Deno.Command(Deno.build.os === "windows" ? "npm.cmd" : "npm", {
    args: [
      "pack",
      "--loglevel=error",
      "--pack-destination",
      dir,
      ...packages.map((p) => `${p.name}@${p.version}`),
    ],
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  });
  const { success, stderr } = await npm.output();
  if (!success) throw new Error(new TextDecoder().decode(stderr) || "npm pack failed");
}

async function download({ name, version }: Package, path: string): Promise<void> {
  const registry = Deno.env.get("npm_config_registry") || "https://registry.npmjs.org/";
  const file = `${name.split("/").at(-1)}-${version}.tgz`;
  const url = `${registry.replace(/\/$/, "")}/${name}/-/${file}`;
  const connect = new AbortController();
  const timer = setTimeout(() => connect.abort(new Error(`${url} did not answer`)), 10_000);
  try {
    const response = await fetch(url, { signal: connect.signal });
    clearTimeout(timer);
    if (!response.ok || !response.body) throw new Error(`${url} answered ${response.status}`);
    await Deno.writeFile(path, response.body);
  } finally {
    clearTimeout(timer);
  }
}

async function verify({ name, version, sha512 }: Package, path: string): Promise<void> {
  const hash = createHash("sha512");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  if (hash.digest("base64") !== sha512) {
    throw new Error(`Cannot trust ${name}@${version}: its SHA-512 is not the recorded one`);
  }
}

/** A function that takes the next `n` octets from a stream, or fewer at its end. */
function reader(stream: ReadableStream<Uint8Array<ArrayBuffer>>) {
  const chunks = stream[Symbol.asyncIterator]();
  let rest = new Uint8Array(0);
  return async (n: number): Promise<Uint8Array<ArrayBuffer>> => {
    const taken = new Uint8Array(n);
    let filled = 0;
    while (filled < n) {
      if (rest.length === 0) {
        const next = await chunks.next();
        if (next.done) break;
        rest = next.value;
      }
      const part = rest.subarray(0, n - filled);
      taken.set(part, filled);
      filled += part.length;
      rest = rest.subarray(part.length);
    }
    return taken.subarray(0, filled);
  };
}

/** A field of a tar header: octets up to the first NUL. */
function text(header: Uint8Array, start: number, length: number): string {
  return new TextDecoder().decode(header.subarray(start, start + length)).split("\0")[0];
}

/** The first line of an error, which is all that a one-line report has room for. */
export function brief(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return message.trim().split("\n")[0];
}
