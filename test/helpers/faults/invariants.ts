import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { blobKey, manifestKey } from "#core/artefacts.ts";
import type { CertificateWindow } from "#core/confidence/window.ts";
import type { Answer, HeadManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { addRow, emptySums, encodeSums } from "#core/head/sums.ts";
import { call } from "../edge.ts";
import { isStored, type World } from "./world.ts";

/** What must be 0, whatever fails. */
export interface Violations {
  lost: string[];
  countedTwice: string[];
  /** Answers with a certificate that the certified version does not give. */
  wrong: string[];
  /** Answers with labels or scores that no model has. */
  nonsense: string[];
  /** Numbers used twice, pointers that go back, stores that disagree once all is well. */
  inconsistent: string[];
}

export const noViolations = (): Violations => ({
  lost: [],
  countedTwice: [],
  wrong: [],
  nonsense: [],
  inconsistent: [],
});

/** Checks answers as their caller gets them. */
export async function checkAnswers(world: World, answers: readonly Answer[], found: Violations): Promise<void> {
  for (const answer of answers) {
    const { label, confidence, scores, certificate, warnings = [] } = answer;
    const isLabel = ["a", "b", "c"].includes(label) && Object.keys(scores).every((name) => "abc".includes(name));
    const isNumber = [confidence, ...Object.values(scores)].every((score) => score >= 0 && score <= 1);
    if (!isLabel || !isNumber) found.nonsense.push(JSON.stringify({ label, confidence, scores }));
    if (!certificate) continue;
    const expected = answer.rung === "edge" ? await world.expected(answer) : null;
    const isRight = expected?.label === label && Math.abs(expected.confidence - confidence) < 1e-6;
    const isDegraded = warnings.some((text) => text.startsWith("The global head answered"));
    // What a region's head has proven says nothing of the global one.
    const isOther = !answer.version.includes("+") && (await world.hasHead(Number(answer.version)));
    if (isRight && !isDegraded && !isOther) continue;
    const why = isRight ? "by the global head in place of the region's" : `not ${expected?.label}`;
    found.wrong.push(`${answer.version} of ${answer.id}: ${label}, ${why}`);
  }
}

/** Checks everything that is stored against what callers and operators know. */
export async function checkAll(world: World, found: Violations, { deep }: { deep: boolean }): Promise<void> {
  await checkQuestions(world, world.model, found);
  await checkQuestions(world, world.above, found);
  await checkLabels(world, found);
  await checkRegistry(world, found);
  if (deep) await checkSums(world, found);
}

async function checkQuestions(world: World, model: string, found: Violations): Promise<void> {
  const rows = await runInDurableObject(world.region(model), (_, { storage: { sql } }) => {
    return sql.exec<{ id: string; status: string }>("SELECT id, status FROM questions").toArray();
  });
  const stored = new Map(rows.map(({ id, status }) => [id, status]));
  for (const { id, answer } of world.asked.values()) {
    if (answer.model !== model || !isStored(answer)) continue;
    const status = stored.get(id);
    if (status !== "answered") found.lost.push(`question ${id}: ${status ?? "not there"}`);
  }
  if (stored.size !== rows.length) found.countedTwice.push(`${rows.length} rows for ${stored.size} questions`);
  const [last] = [...world.asked.values()].filter(({ answer }) => answer.model === model && isStored(answer)).slice(-1);
  if (!last) return;
  const response = await call("GET", `/v1/questions/${last.id}`);
  const read = response.ok ? ((await response.json()) as Answer).status : `status ${response.status}`;
  if (read !== "answered") found.lost.push(`question ${last.id} can't be read: ${read}`);
}

async function checkLabels(world: World, found: Violations): Promise<void> {
  const { samples, trials, windows } = await runInDurableObject(world.region(), (_, { storage: { sql } }) => ({
    samples: sql.exec<{ id: string; label: string }>("SELECT id, label FROM samples").toArray(),
    trials: sql
      .exec<{ id: string; prediction: string; error: number | null; window: number | null }>(
        "SELECT id, prediction, error, window FROM trials",
      )
      .toArray(),
    windows: sql.exec<{ number: number; state: string }>("SELECT number, state FROM windows").toArray(),
  }));
  const labels = new Map(samples.map(({ id, label }) => [id, label]));
  if (labels.size !== samples.length) found.countedTwice.push(`${samples.length} samples of ${labels.size} questions`);
  for (const [id, label] of world.taught) {
    if (labels.get(id) !== label) found.lost.push(`label of ${id}: ${labels.get(id) ?? "not there"}, not ${label}`);
  }
  for (const { id } of samples) if (!world.taught.has(id)) found.countedTwice.push(`a label of ${id} that nobody gave`);
  for (const { id, prediction, error } of trials) {
    const truth = world.taught.get(id);
    if (truth !== undefined && error !== Number(prediction !== truth)) {
      found.countedTwice.push(`trial of ${id}: error ${error}, predicted ${prediction}, truth ${truth}`);
    }
  }
  for (const { number, state } of windows) {
    const counted = trials.filter((trial) => trial.window === number);
    const sums = (JSON.parse(state) as CertificateWindow).trials;
    const own = [counted.length, counted.filter(({ error }) => error === 1).length];
    if (own[0] !== sums.labels || own[1] !== sums.errors) {
      found.countedTwice.push(`window ${number}: ${sums.labels} labels, ${sums.errors} errors; its trials: ${own}`);
    }
  }
}

async function checkSums(world: World, found: Violations): Promise<void> {
  const differing = await runInDurableObject(world.region(), (_, { storage: { sql } }) => {
    const rows = sql.exec<{ fold: number; vector: ArrayBuffer; label: number; weight: number }>(
      `SELECT s.fold, e.vector, e.label, e.weight FROM embeddings e JOIN samples s ON s.number = e.number
       WHERE e.weight IS NOT NULL`,
    );
    const folds = new Map<number, ReturnType<typeof emptySums>>();
    for (const { fold, vector, label, weight } of rows) {
      const sums = folds.get(fold) ?? emptySums(vector.byteLength / 2, 3);
      folds.set(fold, sums);
      addRow(sums, { vector: new Int16Array(vector), label, weight });
    }
    const stored = new Map(
      sql
        .exec<{ fold: number; value: ArrayBuffer }>("SELECT fold, value FROM sums")
        .toArray()
        .map(({ fold, value }) => [fold, new Uint8Array(value).join()]),
    );
    return [...folds].filter(([fold, sums]) => stored.get(fold) !== encodeSums(sums).join()).map(([fold]) => fold);
  });
  if (differing.length > 0) found.countedTwice.push(`sums of the folds ${differing} differ from their rows`);
}

async function checkRegistry(world: World, found: Violations): Promise<void> {
  const { model } = world;
  const { versions, heads, pointer, current } = await runInDurableObject(
    world.registry(),
    (object, { storage: { sql } }) => ({
      versions: sql
        .exec<{ version: number; sha256: string }>("SELECT version, sha256 FROM versions ORDER BY version")
        .toArray(),
      heads: sql.exec<{ manifest: string }>("SELECT manifest FROM heads").toArray(),
      pointer: object.pointer(),
      current: object.headPointersOf("north"),
    }),
  );
  const numbers = versions.map(({ version }) => version);
  if (numbers.join() !== Array.from({ length: world.latest }, (_, i) => i + 1).join()) {
    found.lost.push(`versions ${numbers}; ${world.latest} were published`);
  }
  for (const { version, sha256 } of versions) {
    const text = await (await env.ARTEFACTS.get(manifestKey(model, version)))?.text();
    if (text === undefined || (await sha256Hex(text)) !== sha256)
      found.inconsistent.push(`manifest ${version} differs`);
  }
  if (pointer.revision < world.lastRevision)
    found.inconsistent.push(`revision ${pointer.revision} after ${world.lastRevision}`);
  world.lastRevision = pointer.revision;
  const near = await env.CACHE.get(`current/${model}`);
  if (near !== JSON.stringify(pointer))
    found.inconsistent.push(`KV has ${near}, the registry ${JSON.stringify(pointer)}`);
  for (const { manifest } of heads) await checkHead(world, JSON.parse(manifest) as HeadManifest, found);
  const known = await runInDurableObject(world.region(), (object) => object.headPointers());
  for (const { base, pointer: own } of known) {
    const registered = current.find((one) => one.base === base)?.pointer;
    if (registered?.head?.number !== own.head?.number) {
      found.inconsistent.push(`head ${own.head?.number} of ${base}, and ${registered?.head?.number} at the registry`);
    }
  }
}

// A number names one head for ever, and its blob is in R2.
async function checkHead(world: World, head: HeadManifest, found: Violations): Promise<void> {
  const name = `${head.base}+${head.region}.${head.number}`;
  const before = world.heads.get(name);
  if (before && before.head.blob.sha256 !== head.head.blob.sha256) found.inconsistent.push(`head ${name} is another`);
  if (before) return;
  world.heads.set(name, head);
  const bytes = await (await env.ARTEFACTS.get(blobKey(head.head.blob.sha256)))?.arrayBuffer();
  if (!bytes || (await sha256Hex(bytes)) !== head.head.blob.sha256) found.lost.push(`the blob of head ${name}`);
  else world.weights.set(head.head.blob.sha256, bytes);
}
