import type { DemoChoice } from "./demo.ts";
import { type LocalLadder, startLadder } from "./ladder.ts";
import { tail } from "./process.ts";
import { numberParser } from "./usage.ts";
import { printWelcome } from "./welcome.ts";

interface ServeOptions {
  folder: string;
  /** The recipe that the origin trains and publishes when the edge does not serve it; null for none. */
  recipe: string | null;
  /** The console's demo; none by default. */
  demo?: DemoChoice;
  /** Whether one JSON object is printed instead of text. */
  isJson?: boolean | undefined;
  /** Runs when the ladder is up; returns the model to show. */
  onReady?: (ladder: LocalLadder, say: (line: string) => void) => Promise<string | null>;
}

/** Starts a folder's ladder and says how to use it. It runs until Ctrl-C. */
export async function serve({ folder, recipe, demo, isJson = false, onReady }: ServeOptions): Promise<void> {
  const ports = { edge: portOf("UPRIVER_PORT", 8787), origin: portOf("UPRIVER_ORIGIN_PORT", 8788) };
  const say = isJson ? () => {} : (line: string) => console.log(`  ${line}`);
  const ladder = await startLadder({ folder, ports, recipe, demo, onProgress: say, onDeath: died });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void stop(ladder));
  const model = onReady ? await onReady(ladder, say) : recipe;
  if (isJson) console.log(JSON.stringify({ edge: ladder.credentials.edge, origin: ladder.credentials.origin, model }));
  else await printWelcome(ladder, model, demo !== undefined);
}

async function stop(ladder: LocalLadder): Promise<void> {
  console.log("\nStopping …");
  await ladder.stop();
  process.exit(0);
}

async function died(name: string, log: string): Promise<void> {
  console.error(`\nThe ${name} stopped unexpectedly. The end of its log (${log}):\n${await tail(log)}`);
  process.exit(1);
}

function portOf(option: string, standard: number): number {
  return numberParser(option, { atLeast: 1, atMost: 65_535, isWhole: true })(process.env[option] ?? String(standard));
}
