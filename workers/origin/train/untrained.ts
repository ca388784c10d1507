import { comparePublished } from "#core/confidence/escalation-estimate.ts";
import { acceptNothing } from "#core/confidence/rule.ts";
import { encodeHead } from "#core/head/head.ts";
import { startTraining } from "../backend/index.ts";
import { seededRandom } from "../random.ts";
import type { InputPlan, Recipe } from "../recipes/index.ts";
import { planInput } from "./columns.ts";
import { encodeRows } from "./dataset.ts";
import type { ManifestDraft, TrainedModel } from "./index.ts";
import { buildNetwork } from "./network.ts";
import { addBlob, type Blobs, packNetwork } from "./pack.ts";

/** N-grams of a text, until texts say how long they are. */
const usualTerms = 512;
/** The largest value in the tables of bags, which no step has touched yet. */
const tableSize = 0.1;
/** The range of int16 embeddings. */
const largestEmbedding = 8;

/**
 * Creates the first version of a recipe without rows: random weights and a head that says the same of every label. It accepts
 * nothing, so the rung above answers.
 */
export async function untrainedModel(recipe: Recipe): Promise<TrainedModel> {
  const { labels, targetRisk, delta, perClass, policy, thin: plan } = recipe;
  await (await startTraining("wasm")).use();
  const input = planInput(withTerms(plan.input), []);
  const { shapes, buckets } = encodeRows(recipe, input, []);
  const { seed } = recipe.training;
  const network = buildNetwork({ ...plan, shapes, buckets, classes: labels.length, seed });
  const random = seededRandom(seed);
  for (const { values } of network.bags ?? []) {
    for (let i = 0; i < values.length; i++) values[i] = tableSize * (2 * random() - 1);
  }
  const blobs: Blobs = new Map();
  const packed = await packNetwork(network, input, blobs, plan.weights);
  network.dispose();
  blobs.delete(packed.head.blob.sha256);
  const { width } = packed.head;
  const head = { weights: new Float32Array(width * labels.length), bias: new Float32Array(labels.length) };
  const embedding = { ...packed.backbone.embedding, step: largestEmbedding / 32767 };
  const draft: ManifestDraft = {
    ...{
      format: "upriver/2",
      model: recipe.name,
      task: recipe.task,
      labels,
      full: null,
      anchor: null,
      prior: null,
      policy,
    },
    thin: {
      ...packed,
      backbone: { ...packed.backbone, embedding },
      head: { ...packed.head, blob: await addBlob(blobs, encodeHead(head)) },
      rule: {
        ...{ threshold: acceptNothing, strictest: acceptNothing, targetRisk, delta, certificate: null },
        ...(perClass.length > 0 ? { classRisks: perClass } : {}),
        uncertified: { status: "pending", reason: "it has not been trained yet", labels: 0, labelsNeeded: null },
      },
    },
    // The metrics of equal scores for all labels.
    metrics: {
      thin: { n: 0, logLoss: Math.log(labels.length), auc: null, accuracy: 1 / labels.length, coverage: {} },
      full: null,
    },
    trainedOn: { rows: 0, from: null, to: null, sources: {}, regions: {} },
    examples: [],
  };
  const result = {
    ...{ model: recipe.name, labels, targetRisk, seed, backend: "none", trainedOn: draft.trainedOn },
    ...{ splits: noSplits, scale: null, escalation: comparePublished([]), networks: [], truths: [], regions: [] },
  };
  return { draft, blobs, result, cutShort: [] };
}

const noSplits = {
  ...{ groups: 0, calibrationGroups: 0, latest: null, inGaps: 0, duplicates: 0 },
  uncertifiable: "there are no labels yet",
};

function withTerms(plan: InputPlan): InputPlan {
  if (plan.kind !== "features") return plan;
  const columns = plan.columns.map((one) => (one.type === "text" ? { ...one, terms: one.terms ?? usualTerms } : one));
  return { ...plan, columns };
}
