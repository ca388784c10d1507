import {
  type ImageInput,
  learningParts,
  type Policy,
  type Regions,
  type TensorInput,
  type TrainableDocument,
  type TrainingPlan,
} from "#core/contract/index.ts";
import { ladderOf } from "#core/rung/external/ladder.ts";
import { checkLabels } from "./labels.ts";
import { definedOf, fullOf, ownThinsOf, thinOf, usualTrainingOf } from "./networks.ts";
import type { CompleteDocument, FeaturesPlan, InputPlan, NumberPlan, Recipe } from "./recipe.ts";
import { knownBudget, knownRungs } from "./rungs.ts";
import { asFeatures, type PlainInputDocument } from "./text-input.ts";
import { checkWithoutRows, isWithoutRows } from "./without-rows.ts";

const dayMs = 24 * 3600_000;
const daySeconds = dayMs / 1_000;
const pixelMax = 255;
/** The length of the blocks of time that are kept in one split, unless a recipe says otherwise. */
const blockDays = 7;
/** The region of all questions where a recipe has no regions. */
export const onlyRegion = "world";

const defaultTraining: TrainingPlan = {
  epochs: 30,
  patience: 6,
  batchSize: 64,
  learningRate: 0.003,
  seed: 1,
  distil: 0.5,
  distilTemperature: 1,
  l2: 0.0001,
  weightDecay: 0,
  dropout: 0,
  classWeights: null,
  regionDropout: 0.1,
  augment: null,
  regionalHeads: null,
};
const usualPolicy: Omit<Policy, "ladder" | "regions" | "groupBy"> = {
  keep: "audited",
  auditShare: 0.02,
  truth: "some",
  uncertified: "answer",
  originLabelWeight: 0,
  keepInputs: true,
  samplesMax: 20_000,
  learning: [...learningParts],
  retrainEverySeconds: daySeconds,
  retrainAfterSeconds: 60,
  retrainMinLabels: 30,
  originEverySeconds: 7 * daySeconds,
};
/** Where a recipe has no rows: answers from above train, people audit, and the origin looks every hour whether to train. */
const policyWithoutRows: Partial<Policy> = {
  auditShare: 0.03,
  originLabelWeight: 0.25,
  opinions: { pending: 0, valid: 0 },
  originEverySeconds: 3600,
};

/** Whether nothing of a document has to be inferred from its data. */
export function isComplete(document: TrainableDocument): document is TrainableDocument & CompleteDocument {
  const { task, label, input, region, tolerance } = document;
  const hasRegions = region === undefined || (typeof region === "object" && region.keys !== undefined);
  const hasLabels = task === "regress" ? tolerance !== undefined : typeof label === "object" && label.values;
  return typeof label === "object" && !!hasLabels && input !== undefined && hasRegions;
}

/** Sets the defaults of a complete document. `load` loads its rows; `keys` are the known regions of `any`. */
export function resolveRecipe(document: CompleteDocument, load: Recipe["load"], keys: readonly string[] = []): Recipe {
  const { name, summary = "", label, time, trainBefore = null, risk, networks = {}, canary = null } = document;
  checkWithoutRows(document);
  const regions = regionsOf(document, keys);
  const inputPlan = asFeatures(document.input);
  const usualTraining = usualTrainingOf(inputPlan);
  const { trainer, ...own } = definedOf(document.training ?? {});
  const training: TrainingPlan = { ...defaultTraining, ...usualTraining, ...own };
  // A recipe that regularises with L2 does so instead.
  if (own.l2 !== undefined && own.weightDecay === undefined) training.weightDecay = 0;
  const numbers = numbersOf(document);
  for (const [field, plan] of trainingPlansOf(document)) {
    checkLabels(label.values ?? [], `${field}.classWeights`, Object.keys(named(plan?.classWeights)));
  }
  const hasRegions = regions.keys.length > 1;
  const isInput = { thin: networks.thin?.region ?? hasRegions, full: networks.full?.region ?? hasRegions };
  const input = (has: boolean) => inputOf(inputPlan, has ? regions.keys : null);
  const inputs = { true: input(true), false: input(false) };
  const inputFor = (has: boolean) => inputs[`${has}`];
  const { confidence = 0.95, target = 0.05 } = risk ?? {};
  const isTimed = time !== undefined || trainBefore !== null;
  return {
    ...{ name, summary, task: document.task, labels: label.values ?? [], numbers, load },
    ...{ isTimed, trainBefore, labelDelayDays: document.labelDelayDays },
    policy: {
      ...usualPolicy,
      ...(isWithoutRows(document) ? policyWithoutRows : {}),
      ...definedOf(document.policy ?? {}),
      ...ladderOf(knownRungs(document, label.values)),
      ...knownBudget(document),
      regions,
      groupBy: document.groupBy ?? (isTimed ? { by: "time", days: blockDays } : { by: "content" }),
    },
    thin: thinOf(document, inputFor(isInput.thin)),
    thins: ownThinsOf(document, inputFor, isInput.thin),
    full: fullOf(document, inputFor(isInput.full)),
    canary,
    ...(document.sourceWeights ? { sourceWeights: sourceWeightsOf(document.sourceWeights) } : {}),
    budget: networkBudgetOf(document),
    targetRisk: target,
    // 1 − 0.95 is 0.050000000000000044.
    delta: Number((1 - confidence).toFixed(12)),
    perClass: perClassOf(label.values ?? [], risk?.perClass ?? []),
    training,
    ...(trainer === undefined ? {} : { trainer }),
    document,
  };
}

function networkBudgetOf({ budget }: CompleteDocument): Recipe["budget"] {
  const { bytes = null, ms = null, accuracy = null } = budget ?? {};
  return { bytes, ms, accuracy };
}

function numbersOf(document: CompleteDocument): NumberPlan | null {
  const { task, tolerance, unit, bins, interval: coverage = 0.9, label, risk } = document;
  if (task !== "regress") {
    const field = (["tolerance", "unit", "bins", "interval"] as const).find((name) => document[name] !== undefined);
    if (field === undefined) return null;
    throw new Error(`'${field}' is for numbers: add "task": "regress" to the recipe '${document.name}', or remove it.`);
  }
  const weighted = trainingPlansOf(document).find(([, plan]) => plan?.classWeights);
  const unfit = label.values
    ? "label.values"
    : risk?.perClass
      ? "risk.perClass"
      : weighted && `${weighted[0]}.classWeights`;
  if (unfit) throw new Error(`Numbers have no classes: remove ${unfit} from the recipe '${document.name}'.`);
  return { tolerance: tolerance as number, coverage, unit, bins };
}

function perClassOf(labels: readonly string[], perClass: readonly string[]): string[] {
  checkLabels(labels, "risk.perClass", perClass);
  return [...new Set(perClass)];
}

function trainingPlansOf({ training, networks }: CompleteDocument): [field: string, TrainableDocument["training"]][] {
  return [
    ["training", training],
    ["networks.thin.training", networks?.thin?.training],
    ["networks.full.training", networks?.full?.training],
    ["networks.node.training", networks?.node?.training],
    ["networks.device.training", networks?.device?.training],
  ];
}

function named(classWeights: TrainingPlan["classWeights"] | undefined): Record<string, number> {
  return typeof classWeights === "object" && classWeights !== null ? classWeights : {};
}

function regionsOf({ region }: Pick<TrainableDocument, "region">, known: readonly string[]): Regions {
  if (region === undefined) return { from: "cf", keys: [onlyRegion], parent: onlyRegion };
  if (typeof region === "string") throw new Error("The recipe's regions are not known yet.");
  const { from, name, keys, parent, openPerTokenPerDay } = region;
  const named = { from, ...(name === undefined ? {} : { name }), parent };
  if (Array.isArray(keys)) return { ...named, keys };
  return { ...named, keys: known.length > 0 ? [...known] : [parent], open: { perTokenPerDay: openPerTokenPerDay } };
}

function inputOf(plan: PlainInputDocument, regions: readonly string[] | null): InputPlan {
  if (plan.kind === "features") {
    const own: FeaturesPlan["columns"] = regions ? [{ type: "region", values: [...regions] }] : [];
    return { ...plan, columns: [...plan.columns, ...own] };
  }
  const withRegions = regions ? { regions: [...regions] } : {};
  if (plan.kind === "tensor") return { ...plan, ...withRegions } as TensorInput;
  return { scale: 1 / pixelMax, offset: 0, ...plan, ...withRegions } as ImageInput;
}

function sourceWeightsOf({ truth, human }: NonNullable<TrainableDocument["sourceWeights"]>) {
  return { ...(truth === undefined ? {} : { truth }), ...(human === undefined ? {} : { human }) };
}
