/** A crowd in another thread, as who measures sees it. */
import type { CrowdOrder } from "./crowd_worker.ts";

/** The crowd, which does one thing after the other. */
export class RemoteCrowd implements Disposable {
  readonly #worker = new Worker(new URL("./crowd_worker.ts", import.meta.url), { type: "module" });

  /** Has it do something; answers what it answers. */
  order(order: CrowdOrder): Promise<unknown> {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.#worker.onmessage = ({ data }) => {
      if (data.error === undefined) resolve(data.answer);
      else reject(new Error(data.error));
    };
    this.#worker.onerror = ({ message }) => reject(new Error(message));
    this.#worker.postMessage(order);
    return promise;
  }

  [Symbol.dispose](): void {
    this.#worker.terminate();
  }
}
