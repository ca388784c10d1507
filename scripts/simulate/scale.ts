import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import type { Command } from "commander";
import { UpriverClient } from "#client/index.ts";
import type { Inference, Manifest, Policy } from "#core/contract/index.ts";
import { publish } from "#origin/publish.ts";
import { benchArtefact, benchInstance } from "../bench/model.ts";
import { printResult, showProgress } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { program as programOf } from "../local/process.ts";
import { type Credentials, makeSecrets } from "../local/secrets.ts";
import { numberParser } from "../local/usage.ts";
import { bundle, settingsOf } from "../local/workerd.ts";
import { type DayPlan, type DayState, playDay, regionName } from "./scale/day.ts";
import type { Needs } from "./scale/estimate.ts";
import { startCountedObjects } from "./scale/objects.ts";
import { compareWithReal } from "./scale/real-isolate.ts";
import { chartsOf, describe, resultOf } from "./scale/report.ts";
import type { World } from "./scale/traffic.ts";

interface Options {
  regions: number;
  isolates: number;
  perSecond: number;
  seconds: number;
  real: number;
  seed: number;
  out?: string;
  json?: boolean;
}

const model = "scale";
const originDelayMs = 20;
/** Regions that retrain before a new version, as a night would: those with most labels. */
const retrainedMost = 20;
const retrainMinLabels = 30;
const needs: Needs = { escalated: 0.05, kept: 0.02, labelled: 0.02 };

/** `simulate scale`: a day of a model with many regions, on real objects, with simulated isolates of the edge. */
export function scaleSimulation(program: Command): void {
  const whole = (name: string, atLeast: number) => numberParser(name, { atLeast, isWhole: true });
  program
    .command("scale")
    .description("play a day of a model with many regions on real objects: which object comes nearest to its limits")
    .option("--regions <n>", "regions, each with its own object", whole("--regions", 2), 1_000)
    .option("--isolates <n>", "simulated isolates of the edge, one a place", whole("--isolates", 1), 330)
    .option("--per-second <n>", "questions a second on average", numberParser("--per-second", { above: 0 }), 1_000)
    .option("--seconds <n>", "how long the day is: all of it is shortened", whole("--seconds", 24), 96)
    .option(
      "--real <s>",
      "seconds for which a real isolate is compared with a simulated one, at each of three rates",
      whole("--real", 0),
      15,
    )
    .option("--seed <n>", "the draws of questions", whole("--seed", 0), 1)
    .option("--out <folder>", "the folder to write the plots to, as SVG")
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ regions, isolates, perSecond, seconds, real, seed, out, json }: Options): Promise<void> {
  const world: World = { regions, isolates, perSecond, peak: 1.8, atHome: 0.8, exponent: 1, daySeconds: seconds, seed };
  const folder = await mkdtemp(join(tmpdir(), "upriver-scale-"));
  const origin = new Worker(programOf("scripts/bench/load/origin.worker"), { workerData: { delayMs: originDelayMs } });
  const originPort = await new Promise<number>((resolve) => origin.once("message", resolve));
  const port = await freePort();
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${port}`, origin: "" });
  const bundled = await bundle("wrangler.toml");
  const next = { NEXT_RUNG_URL: `http://127.0.0.1:${originPort}`, LOG_ANSWERS: "off" };
  const bindings = { ...(await settingsOf(bundled)), ...vars, ...next };
  const objects = await startCountedObjects({ bundled, bindings, folder: join(folder, "objects"), port });
  const end = async () => {
    await objects.stop();
    await origin.terminate();
    await rm(folder, { recursive: true, force: true });
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void end().then(() => process.exit(1)));
  try {
    const versions = new Versions(credentials, regions);
    await versions.publishNext();
    await versions.rollout();
    const plan: DayPlan = {
      ...{ world, needs, model, labels: ["no", "yes"], instance: benchInstance },
      inferenceOf: (base) => versions.inferenceOf(base),
      events: [1, 2].map((third) => ({
        second: Math.floor((third * seconds) / 3),
        begin: (day) => versions.next(day),
      })),
    };
    const progress = showProgress("a day", seconds);
    const day = await playDay(plan, objects, (second) =>
      progress.update(second, `${second} of ${seconds} s of traffic`),
    );
    progress.end();
    const { pointer } = day;
    const compared =
      real === 0 ? null : await compareWithReal({ model, regions, seconds: real, seed, credentials, objects, pointer });
    const result = resultOf(world, needs, day, compared);
    if (out) {
      await mkdir(out, { recursive: true });
      for (const [name, svg] of Object.entries(await chartsOf(result))) await writeFile(join(out, `${name}.svg`), svg);
    }
    printResult(json, result, () => describe(result, out));
  } finally {
    await end();
  }
}

/** The versions of the model: each has another backbone, so that its regions train new heads. */
class Versions {
  private readonly client: UpriverClient;
  private readonly credentials: Credentials;
  private readonly keys: string[];
  private readonly manifests: Manifest[] = [];

  constructor(credentials: Credentials, regions: number) {
    this.credentials = credentials;
    this.client = new UpriverClient({ url: credentials.edge, token: credentials.tokens.admin });
    this.keys = Array.from({ length: regions }, (_, region) => regionName(region));
  }

  async publishNext(): Promise<void> {
    const { draft, blobs } = await benchArtefact({ width: 32 - this.manifests.length });
    const policy: Policy = {
      ...{ ...draft.policy, ladder: ["edge", "region", "origin"], keep: "audited", auditShare: needs.kept },
      regions: { from: "field", name: "region", keys: this.keys, parent: "world" },
      ...{ retrainMinLabels, learning: ["analytic"] },
    };
    const artefact = { draft: { ...draft, model, policy }, blobs };
    this.manifests.push(await publish(this.client, artefact, this.credentials.signingKey));
  }

  rollout(): Promise<unknown> {
    return this.client.rollout(model, { version: this.manifests.length });
  }

  /** Trains heads where there are labels, then publishes the next version, prepares the regions and rolls it out. */
  async next(day: DayState): Promise<void> {
    const most = [...day.labels.entries()].sort((a, b) => b[1] - a[1]).slice(0, retrainedMost);
    for (const [region, labels] of most) {
      if (labels < retrainMinLabels) continue;
      await this.client.retrain(model, regionName(region));
    }
    await this.publishNext();
    await this.rollout();
    await day.refresh();
  }

  inferenceOf(base: number): Inference {
    const manifest = this.manifests[base - 1] as Manifest;
    if (manifest.task === "tensor") throw new Error("The simulated model is a classifier.");
    const { sha256, embedding } = manifest.thin.backbone;
    // What the values are changes nothing that is counted.
    const values = Array.from({ length: embedding.width }, (_, i) => ((i * 7) % 10) / 10);
    return { backbone: sha256, version: String(base), embedding: values, scores: [0.6, 0.4], accepted: false };
  }
}
