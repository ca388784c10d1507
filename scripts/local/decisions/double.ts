import { freePort } from "../ports.ts";
import { type LocalProcess, type LocalProcessOptions, program, startProcess, untilReady } from "../process.ts";
import type { WantedDouble } from "./wanted.ts";

/** The local decision server as a process. */
export interface RunningDouble {
  url: string;
  process: LocalProcess;
}

/** Starts the local decision server for the recipes of a folder, and waits until it answers. */
export async function startDouble(
  folder: string,
  wanted: readonly WantedDouble[],
  onDeath?: LocalProcessOptions["onDeath"],
): Promise<RunningDouble> {
  const port = await freePort();
  const env = {
    UPRIVER_FOLDER: folder,
    DECISIONS_PORT: String(port),
    DECISIONS_RECIPES: JSON.stringify(wanted.map(({ recipe }) => recipe)),
  };
  const [command, args] = [process.execPath, [program("scripts/local/decisions.process")]];
  const running = await startProcess({ name: "decisions", command, args, env, folder, onDeath });
  const url = `http://127.0.0.1:${port}`;
  await untilReady(running, url);
  return { url, process: running };
}

/** Says which rungs the local decision server stands in for, and how to ask the real ones. */
export function describeDoubles(url: string, wanted: readonly WantedDouble[]): string[] {
  return wanted.flatMap(({ recipe, rungs }) =>
    rungs.map(({ name, kind, key }) => {
      const real =
        kind === "workers-ai" ? "deployed, the binding AI answers" : `put ${key} into .dev.vars to ask the real one`;
      return `decisions: a local double, ${url}, stands in for rung '${name}' (${kind}) of ${recipe}; ${real}`;
    }),
  );
}
