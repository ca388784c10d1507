import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SetupError } from "../setup-error.ts";

const run = promisify(execFile);
const candidates = ["python3", "/usr/bin/python3"];
// Finds without importing: that takes seconds on a busy machine.
const probe =
  "import sys; from importlib.util import find_spec; sys.exit(not (find_spec('torch') and find_spec('numpy')))";
const probeMaxMs = 60_000;

const found = new Map<string, Promise<boolean>>();

/** Finds the command of a Python that has torch and numpy. Throws `SetupError`, with what to install, when there is none. */
export async function findPython(given: string | null): Promise<string> {
  const tried = given === null ? candidates : [given];
  for (const command of tried) {
    if (await hasTorch(command)) return command;
  }
  throw new SetupError(
    `The trainer 'torch' needs a Python that has torch and numpy; ${tried.join(" and ")} ${tried.length > 1 ? "do" : "does"} ` +
      "not have them. Install them (Debian: 'apt-get install python3-torch'; elsewhere: 'pip install torch numpy'), name another Python " +
      "in UPRIVER_PYTHON, or train with 'tfjs'.",
  );
}

function hasTorch(command: string): Promise<boolean> {
  const known = found.get(command);
  if (known) return known;
  const probing = run(command, ["-c", probe], { timeout: probeMaxMs }).then(
    () => true,
    () => false,
  );
  found.set(command, probing);
  return probing;
}
