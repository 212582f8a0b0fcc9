import { memoryIndex } from "../../lib/inbox/sqlite_index.ts";
import { indexContract } from "./index_contract.ts";

indexContract("index in memory", () => Promise.resolve({ index: memoryIndex() }));
