/** Fails where a file below the directory that is named has one of the tests' passwords in it. */
import { searchFilesBelow } from "../tests/e2e/canaries.ts";

const [directory] = Deno.args;
const count = searchFilesBelow(directory);
console.log(`searched ${count} files: no password in them`);
