// Brings up the whole ladder with a working example. Run it: npm start
// Ports: UPRIVER_PORT (8787) and UPRIVER_ORIGIN_PORT (8788). Data stays in .wrangler/state and .upriver, here or in
// the folder that UPRIVER_FOLDER names.
import type { Instance } from "#core/contract/index.ts";
import { type LocalLadder, startLadder } from "./local/ladder.ts";
import { root, tail } from "./local/process.ts";

const model = "storefront";
const folder = process.env.UPRIVER_FOLDER ?? root;
const ports = { edge: portOf("UPRIVER_PORT", 8787), origin: portOf("UPRIVER_ORIGIN_PORT", 8788) };

try {
  const ladder = await startLadder({ folder, ports, recipe: model, onProgress: say, onDeath: died });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => void stop(ladder));
  await printWelcome(ladder);
} catch (error) {
  console.error(`\n${(error as Error).message}`);
  process.exit(1);
}

async function printWelcome({ credentials, client }: LocalLadder): Promise<void> {
  const { edge, tokens } = credentials;
  const { examples } = await client("ask").model(model);
  const [easy, hard] = examples as [Instance, Instance];
  const ask = (instance: Instance) => curl(`${edge}/v1/models/${model}/ask`, tokens.ask, JSON.stringify({ instance }));
  console.log(`
Upriver is up: ${edge}
The console, signed in: ${edge}/console/#token=${tokens.admin}

An easy question, answered at the edge:
${ask(easy)}

A hard one: the edge is not sure, the origin knows this region's customs:
${ask(hard ?? easy)}

What is served, where, and how well:
${curl(`${edge}/v1/models/${model}`, tokens.ask)}

Next:
  npx upriver status                                  the models, the regions and what they learned
  npx upriver review ${model}                      answer what nobody could
  npx upriver replay ${model} --from 2025-07-01    play half a year and watch the regions learn
Ctrl-C stops everything; the data stays.`);
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

async function died(part: string, log: string): Promise<void> {
  console.error(`\nThe ${part} stopped. The end of ${log}:\n${await tail(log)}`);
  process.exit(1);
}

function say(line: string): void {
  console.log(`  ${line}`);
}

function portOf(option: string, standard: number): number {
  const port = Number(process.env[option] ?? standard);
  if (Number.isInteger(port) && port > 0 && port < 65536) return port;
  console.error(`${option} must be a port from 1 to 65535, but is '${process.env[option]}'.`);
  process.exit(2);
}
