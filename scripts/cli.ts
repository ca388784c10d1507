// The command line; scripts/upriver.mjs starts it.
import { createProgram } from "./program.ts";

try {
  await createProgram().parseAsync();
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
