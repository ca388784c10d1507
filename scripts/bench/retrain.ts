import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { UpriverClient } from "#client/index.ts";
import type { LearningPart } from "#core/contract/index.ts";
import { percent } from "#core/format.ts";
import { neighbourCount } from "#core/semantic-cache/agreed-label.ts";
import { NearestNeighbourIndex } from "#core/semantic-cache/neighbour-index.ts";
import { publish } from "#origin/publish.ts";
import { seededRandom } from "#origin/random.ts";
import { median } from "../local/median.ts";
import { formatTable, printResult } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { type Credentials, makeSecrets } from "../local/secrets.ts";
import { bundle, settingsOf, startWorkerd } from "../local/workerd.ts";
import { retrainOne } from "../replay/retrain.ts";
import { type LabelledExample, labelledExamples, region } from "./labelled-examples.ts";
import { benchArtefact, benchModel } from "./model.ts";

interface Options {
  samples: string[];
  json?: boolean;
}

interface Size {
  samples: number;
  width: number;
}

/** A retrain as measured from outside. */
interface Measured {
  head: string;
  ms: number;
  /** Longest wait of a question in the same region during the retrain, and the usual wait. */
  longestSilenceMs: number;
  quietMs: number;
  outcome: string;
}

const sizes: readonly Size[] = [
  { samples: 4_000, width: 64 },
  { samples: 20_000, width: 256 },
];
const semanticCacheSize: Size = { samples: 20_000, width: 64 };
const batchSize = 500;
const quietReads = 200;
const repeats = 600;
const timed = 200;

/** `bench retrain`: measures a region's retrain and its semantic cache in workerd. */
export function retrainBench(program: Command): void {
  program
    .command("retrain")
    .description("measure a region's retrain in workerd, the waits of questions meanwhile, and the semantic cache")
    .option("--samples <n...>", "numbers of samples to measure (4000, 20000)", ["4000", "20000"])
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ samples, json }: Options): Promise<void> {
  const retrains: (Size & { runs: Measured[] })[] = [];
  for (const size of sizes.filter((one) => samples.includes(String(one.samples)))) {
    retrains.push({ ...size, runs: await onWorkerd((credentials) => measureRetrains(credentials, size)) });
  }
  console.error(`semantic cache of ${semanticCacheSize.samples} × ${semanticCacheSize.width}`);
  const semanticCache = await onWorkerd((credentials) => measureSemanticCache(credentials, semanticCacheSize));
  printResult(json, { retrains, semanticCache }, () => {
    const rows = retrains.flatMap(({ samples: n, width, runs }) =>
      runs.map(({ head, ms, longestSilenceMs, quietMs, outcome }) => [
        ...[`${n} × ${width}`, head, Math.round(ms), longestSilenceMs.toFixed(0), quietMs.toFixed(1), outcome],
      ]),
    );
    const columns = ["samples", "retrain", "ms", "longest wait ms", "usual wait ms", "outcome"];
    const { firstMs, cachedMs, edgeMs, nearestMs: searchMs, fromCache, remembered } = semanticCache;
    return [
      formatTable([columns, ...rows]),
      `Semantic cache, ${semanticCacheSize.samples} × ${semanticCacheSize.width} samples, ${remembered} of them cached: ${cachedMs.toFixed(1)} ms per question,` +
        ` ${percent(fromCache)} answered from the cache (answers of the edge: ${edgeMs.toFixed(1)} ms);` +
        ` ${firstMs.toFixed(0)} ms for the first, which loads the cache. One search: ${searchMs.toFixed(2)} ms.`,
    ].join("\n");
  });
}

async function measureRetrains(credentials: Credentials, { samples, width }: Size): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const head of ["analytic", "softmax"] as const) {
    // A model for each head: a second version would make the region prepare for it during the measurement.
    const model = `${benchModel}-${head}`;
    const client = await serve(credentials, model, width, { threshold: 0, learning: [head, "calibration"] });
    await teach(client, model, labelledExamples(model, samples));
    for (const which of ["first, embeds and counts all", "again"]) {
      console.error(`${samples} × ${width}: ${head}, ${which}`);
      measured.push({ head: `${head}, ${which}`, ...(await measureRetrain(client, model)) });
    }
  }
  return measured;
}

async function measureRetrain(client: UpriverClient, model: string): Promise<Omit<Measured, "head">> {
  const [example] = labelledExamples(model, 1) as [LabelledExample];
  const id = `${model}~${region}~watched-${Date.now()}`;
  await client.askQuestions(model, [{ ...example.question, id }]);
  const read = async () => {
    const startedAt = performance.now();
    await client.question(id);
    return performance.now() - startedAt;
  };
  const quiet: number[] = [];
  for (let i = 0; i < quietReads; i++) quiet.push(await read());
  let isRunning = true;
  const silences: number[] = [];
  const watch = (async () => {
    while (isRunning) silences.push(await read());
  })();
  const startedAt = performance.now();
  const { status, reason } = await retrainOne(client, model, region, undefined);
  const ms = performance.now() - startedAt;
  isRunning = false;
  await watch;
  const outcome = status === "promoted" ? status : `${status}: ${reason}`;
  return { ms, longestSilenceMs: Math.max(...silences), quietMs: median(quiet), outcome };
}

async function measureSemanticCache(credentials: Credentials, { samples, width }: Size) {
  const model = `${benchModel}-semantic-cache`;
  // The edge accepts nothing: all questions escalate to the region, the last rung.
  const client = await serve(credentials, model, width, { threshold: 1.01, learning: ["analytic", "semantic-cache"] });
  // Together with the repeats, as many as a region stores.
  const examples = labelledExamples(model, samples - repeats);
  await teach(client, model, examples);
  await repeat(client, model, examples.slice(0, repeats));
  await retrainOne(client, model, region, undefined);
  const fromCache = await timeAsks(client, model, examples.slice(1_000, 1_000 + timed));
  const other = `${benchModel}-edge`;
  const edge = await serve(credentials, other, width, { threshold: 0, learning: [] });
  const kept = await timeAsks(edge, other, labelledExamples(other, timed));
  const [firstMs = 0, ...later] = fromCache.times;
  const shares = {
    fromCache: fromCache.byRegion / timed,
    remembered: (await client.regions(model, { fresh: true }))[0]?.samples.train ?? 0,
  };
  return {
    firstMs,
    cachedMs: median(later),
    edgeMs: median(kept.times),
    nearestMs: nearestMs(samples, width),
    ...shares,
  };
}

/** Measures one search through the cache, without anything around it; in Node, not in workerd. */
function nearestMs(rows: number, width: number): number {
  const random = seededRandom(6);
  const vector = () => Int16Array.from({ length: width }, () => 2_000 * (random() - 0.5));
  const memory = new NearestNeighbourIndex(width, rows);
  for (let row = 0; row < rows; row++) memory.add(String(row), vector(), row % 2);
  const times = Array.from({ length: timed }, () => {
    const asked = vector();
    const startedAt = performance.now();
    memory.nearest(asked, neighbourCount);
    return performance.now() - startedAt;
  });
  return median(times);
}

/** Asks examples again and teaches their labels: the region certifies its cache by such escalated questions. */
async function repeat(client: UpriverClient, model: string, examples: readonly LabelledExample[]): Promise<void> {
  const again = examples.map(({ question, label }, i) => ({
    question: { ...question, id: `${question.id}-${i}` },
    label,
  }));
  for (let from = 0; from < again.length; from += 100) {
    const batch = again.slice(from, from + 100);
    await client.askQuestions(
      model,
      batch.map(({ question }) => question),
    );
    await client.teachMany(model, { truths: batch.map(({ question, label }) => ({ id: question.id, label })) });
  }
}

async function timeAsks(client: UpriverClient, model: string, examples: readonly LabelledExample[]) {
  const times: number[] = [];
  let byRegion = 0;
  for (const { question } of examples) {
    const startedAt = performance.now();
    const [answer] = await client.askQuestions(model, [{ ...question, id: `${question.id}-timed` }]);
    times.push(performance.now() - startedAt);
    if (answer?.rung === "region" && answer.accepted) byRegion++;
  }
  return { times, byRegion };
}

async function teach(client: UpriverClient, model: string, examples: readonly LabelledExample[]): Promise<void> {
  for (let from = 0; from < examples.length; from += batchSize) {
    await client.teachMany(model, { truths: examples.slice(from, from + batchSize) });
  }
}

/** Publishes the benchmark's network with another name and other settings, and serves it to all callers. */
async function serve(
  { edge: url, tokens, signingKey }: Credentials,
  model: string,
  width: number,
  { threshold, learning }: { threshold: number; learning: LearningPart[] },
): Promise<UpriverClient> {
  const client = new UpriverClient({ url, token: tokens.admin });
  const artefact = await benchArtefact({ width });
  const { thin, policy } = artefact.draft;
  const draft = {
    ...artefact.draft,
    model,
    thin: { ...thin, rule: { ...thin.rule, threshold, targetRisk: 0.1 } },
    policy: { ...policy, keep: "all" as const, truth: "complete" as const, learning },
  };
  const { version } = await publish(client, { ...artefact, draft }, signingKey);
  await client.rollout(model, { version });
  return client;
}

async function onWorkerd<T>(work: (credentials: Credentials) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-bench-"));
  const port = await freePort();
  const { credentials, vars } = await makeSecrets({ edge: `http://127.0.0.1:${port}`, origin: "" });
  const bundled = await bundle("wrangler.toml");
  const bindings = { ...(await settingsOf(bundled)), ...vars };
  const running = await startWorkerd({ bundled, state: folder, port, bindings });
  try {
    return await work(credentials);
  } finally {
    await running.stop();
    await rm(folder, { recursive: true, force: true });
  }
}
