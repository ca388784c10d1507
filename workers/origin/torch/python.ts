import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { SetupError } from "../setup-error.ts";

const run = promisify(execFile);
const candidates = ["python3", "/usr/bin/python3"];
const probe = "import json, numpy, torch; print(json.dumps([torch.__version__, torch.cuda.device_count()]))";
const probeMaxMs = 60_000;

/** A Python that can train. */
export interface TorchPython {
  command: string;
  /** PyTorch's version. */
  version: string;
  /** How many GPUs it sees. */
  gpus: number;
}

const found = new Map<string, Promise<TorchPython | null>>();

/** Finds a Python that has torch and numpy. Throws `SetupError`, with what to install, when there is none. */
export async function findPython(given: string | null): Promise<TorchPython> {
  const tried = given === null ? candidates : [given];
  for (const command of tried) {
    const python = await probed(command);
    if (python) return python;
  }
  throw new SetupError(
    `The trainer 'torch' needs a Python that has torch and numpy; ${tried.join(" and ")} ${tried.length > 1 ? "have" : "has"} ` +
      "not. Install them (Debian: 'apt-get install python3-torch'; elsewhere: 'pip install torch numpy'), name another Python " +
      "in UPRIVER_PYTHON, or train with 'tfjs'.",
  );
}

function probed(command: string): Promise<TorchPython | null> {
  const known = found.get(command);
  if (known) return known;
  const probing = run(command, ["-c", probe], { timeout: probeMaxMs }).then(
    ({ stdout }) => {
      const [version, gpus] = JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as [string, number];
      return { command, version, gpus };
    },
    () => null,
  );
  found.set(command, probing);
  return probing;
}
