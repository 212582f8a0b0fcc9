/** A state directory for one test. @module */
import { openSqliteStore, type SqliteStoreOptions } from "../../lib/queue/sqlite_store.ts";
import type { Store } from "../../lib/queue/store.ts";

/** A directory that goes with the test, and ways to look at it from outside of the store. */
export interface StateDirectory extends AsyncDisposable {
  readonly path: string;
  open(options?: Partial<SqliteStoreOptions>): Promise<Store>;
  /** The names of the files in one of its directories. */
  files(directory: string): string[];
}

export async function stateDirectory(): Promise<StateDirectory> {
  const path = await Deno.makeTempDir({ prefix: "smtpd_queue_" });
  return {
    path,
    open: (options) => openSqliteStore({ directory: path, ...options }),
    files: (directory) => [...Deno.readDirSync(`${path}/${directory}`)].map(({ name }) => name),
    async [Symbol.asyncDispose]() {
      await Deno.remove(path, { recursive: true });
    },
  };
}
