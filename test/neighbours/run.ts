// Runs the Worker of one version with the objects of another, in both directions, and records the calls between those of the
// earlier version. Run it: node test/neighbours/run.ts <commit> [--record]
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { journey, type Send, type Step } from "./journey.ts";
import { type RecordedCall, startPair, type Version, versionOf } from "./pair.ts";

const [commit, option] = process.argv.slice(2);
if (!commit) throw new Error("Name the commit of the earlier version: node test/neighbours/run.ts <commit> [--record]");

const logMs = 30;

async function play(worker: Version, objects: Version): Promise<{ steps: Step[]; calls: RecordedCall[] }> {
  const pair = await startPair(worker, objects);
  try {
    const send: Send = async (method, path, init) => {
      const response = await fetch(pair.url + path, { method, ...init });
      // The calls of a step are logged a moment after its reply.
      await setTimeout(logMs);
      return response;
    };
    const steps = await journey(send, pair.onStep);
    return { steps, calls: pair.calls };
  } finally {
    await pair.stop();
  }
}

const earlier = await versionOf(commit);
const now = await versionOf(null);
try {
  const before = await play(earlier, earlier);
  for (const [name, worker, objects] of [
    ["earlier Worker, objects of now", earlier, now],
    ["Worker of now, earlier objects", now, earlier],
    ["both of now", now, now],
  ] as const) {
    const { steps, calls } = await play(worker, objects);
    const others = steps.filter(({ status }, i) => status !== before.steps[i]?.status);
    const refused = calls.filter(({ error }) => error !== undefined);
    console.log(
      `${name}: ${steps.length} steps, ${calls.length} calls; ${others.length} steps with another status, ${refused.length} calls that threw`,
    );
    for (const { step, status } of others) {
      const known = before.steps.find((one) => one.step === step)?.status;
      console.log(`  ${step}: ${status} instead of ${known}`);
    }
    for (const { object, method, error } of refused) console.log(`  ${object}.${method}: ${error}`);
    // A method that the earlier objects lack is refused; the Worker of now has to do without.
    if (others.length > 0) process.exitCode = 1;
  }
  if (option === "--record") {
    const path = join(import.meta.dirname, "recorded.json");
    const { steps, calls } = before;
    await writeFile(path, `${JSON.stringify({ commit, steps, calls })}\n`);
    console.log(`${path}: ${calls.length} calls`);
  }
} finally {
  for (const { folder } of [earlier, now]) await rm(folder, { recursive: true, force: true });
}
