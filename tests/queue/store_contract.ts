/** What every queue store has to do, sentence by sentence of its interface. @module */
import type { Store } from "../../lib/queue/store.ts";
import { actionContract } from "./action_contract.ts";
import { leaseContract } from "./lease_contract.ts";
import { listContract } from "./list_contract.ts";
import { messageContract } from "./message_contract.ts";

/** Opens a store that is empty. Disposing of it leaves nothing behind. */
export type OpenStore = () => Promise<Store>;

/** Registers a test of the store with this name. */
export type ContractTest = (name: string, run: (store: Store) => Promise<void>) => void;

/** Runs the suite against one implementation. */
export function storeContract(name: string, open: OpenStore): void {
  const test: ContractTest = (sentence, run) => {
    Deno.test(`${name} ${sentence}`, async () => {
      await using store = await open();
      await run(store);
    });
  };
  messageContract(test);
  leaseContract(test);
  actionContract(test);
  listContract(test);
}
