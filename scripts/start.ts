// Starts the local ladder with a trained example. Run it: npm start
// Ports: UPRIVER_PORT (8787) and UPRIVER_ORIGIN_PORT (8788). Data: .wrangler/state and .upriver, here or in the folder
// that UPRIVER_FOLDER names.
import type { Instance } from "#core/contract/index.ts";
import { exitWith } from "./local/failure.ts";
import { type LocalLadder, startLadder } from "./local/ladder.ts";
import { root, tail } from "./local/process.ts";
import { numberParser } from "./local/usage.ts";

const model = "storefront";
const folder = process.env.UPRIVER_FOLDER ?? root;

try {
  const ports = { edge: portOf("UPRIVER_PORT", 8787), origin: portOf("UPRIVER_ORIGIN_PORT", 8788) };
  const ladder = await startLadder({ folder, ports, recipe: model, onProgress: say, onDeath: died });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void stop(ladder));
  await printWelcome(ladder);
} catch (error) {
  exitWith(error);
}

async function printWelcome({ credentials, client }: LocalLadder): Promise<void> {
  const { edge, tokens } = credentials;
  const { examples } = await client("ask").model(model);
  const [easy, hard] = examples as [Instance, Instance];
  const ask = (instance: Instance) => curl(`${edge}/v1/models/${model}/ask`, tokens.ask, JSON.stringify({ instance }));
  console.log(`
Upriver is running: ${edge}
Console, signed in: ${edge}/console/#token=${tokens.admin}

An easy question, answered at the edge:
${ask(easy)}

A hard question, escalated to the origin:
${ask(hard ?? easy)}

The model that is served, with its metrics:
${curl(`${edge}/v1/models/${model}`, tokens.ask)}

Next:
  npx upriver status                                 show models, regions and what they have learned
  npx upriver review ${model}                      answer the questions that no model accepted
  npx upriver replay ${model} --from 2025-07-01    replay half a year of data through the ladder
Ctrl-C stops everything; the data is kept.`);
}

function curl(url: string, token: string, body?: string): string {
  const data = body === undefined ? "" : ` -H 'content-type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
  return `curl -s ${url} -H 'authorization: Bearer ${token}'${data}`;
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

function say(line: string): void {
  console.log(`  ${line}`);
}

function portOf(option: string, standard: number): number {
  return numberParser(option, { atLeast: 1, atMost: 65_535, isWhole: true })(process.env[option] ?? String(standard));
}
