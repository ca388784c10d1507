// Runs the command line. Run it: npx upriver --help (scripts/upriver.mjs starts this file)
import { exitWith } from "./local/failure.ts";
import { createProgram } from "./program.ts";

try {
  const program = await createProgram(process.argv[2]);
  await program.parseAsync();
} catch (error) {
  exitWith(error);
}
