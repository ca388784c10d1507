// Runs the command line. Run it: npx upriver --help (scripts/upriver.mjs starts this file)
import { exitWith } from "./local/failure.ts";
import { createProgram } from "./program.ts";

await createProgram().parseAsync().catch(exitWith);
