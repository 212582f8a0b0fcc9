/** The modules that the worker consists of. @module */
import { fileURLToPath } from "node:url";

const MODULES: readonly string[] = [
  "./worker.ts",
  "./line_reader.ts",
  "./protocol.ts",
  "./hooks_module.ts",
  "../queue/octet_buffer.ts",
];

/** Their paths: what the worker may read until it has been loaded. */
export function workerModules(): string[] {
  return MODULES.map((path) => fileURLToPath(new URL(path, import.meta.url)));
}
