import {
  type LayerPlan,
  type NetworkKind,
  networkKinds,
  type OwnThinKind,
  ownThinKinds,
  type TrainableDocument,
  type TrainingPlan,
} from "#core/contract/index.ts";
import type { CompleteDocument, InputPlan, NetworkForm, NetworkPlan, OwnThinPlan } from "./recipe.ts";
import { asFeatures, hasNgrams, type PlainInputDocument } from "./text-input.ts";

/** Where tables differ from pictures, and texts from tables. */
const tableTraining = { distil: 0.8, l2: 0, weightDecay: 0.1, dropout: 0.2 };
const mixedTraining = { ...tableTraining, weightDecay: 0, dropout: 0.3, learningRate: 0.003 };
const textTraining = { ...tableTraining, weightDecay: 0, dropout: 0.5, learningRate: 0.01 };
/** Full's bag is wider. */
const fullTextRate = 0.005;

const dense = (...units: number[]): LayerPlan[] => units.map((n) => ({ type: "dense", units: n }));
const conv = (...filters: number[]): LayerPlan[] =>
  filters.flatMap((n) => [
    { type: "conv", filters: n, size: 3 },
    { type: "pool", size: 2 },
  ]);
const layers = {
  thin: dense(64, 32),
  full: dense(192, 96, 48),
  ensemble: dense(128, 64),
  small: [...conv(12, 24), ...dense(40)],
  image: [...conv(24, 48), ...dense(96)],
};
/** On texts a bag comes first; beside other columns, layers that mix them follow. */
const textLayers = {
  thin: [{ type: "bag", units: 56 }],
  full: [{ type: "bag", units: 128 }],
  mixed: { thin: [{ type: "bag", units: 48 }, ...dense(64)], full: [{ type: "bag", units: 64 }, ...dense(128)] },
} satisfies Record<"thin" | "full", LayerPlan[]> & { mixed: Record<"thin" | "full", LayerPlan[]> };
const usualMembers = 8;

/** Thin of a table is trained from full's scores and directly, unless the recipe says how. */
export function thinOf({ networks, training, input: given }: CompleteDocument, input: InputPlan): NetworkPlan {
  const plain = asFeatures(given);
  const { kind } = plain;
  const { region: _, layers: own, training: different, ...rest } = networks?.thin ?? {};
  const usual = kind === "image" ? layers.small : (textLayersOf(plain)?.thin ?? layers.thin);
  const form = { kind: "network" as const, layers: own ?? usual };
  const isOpen = kind === "features" && training?.distil === undefined && different?.distil === undefined;
  return {
    ...(hasNgrams(plain) ? { weights: "uint8" as const } : {}),
    ...rest,
    input,
    ...form,
    rivals: isOpen ? [{ ...form, training: { distil: 0 } }] : [],
    ...trainingOf(different),
  };
}

/** The thin networks of other kinds of rungs: as thin, unless the recipe says otherwise. */
export function ownThinsOf(
  document: CompleteDocument,
  inputFor: (hasRegion: boolean) => InputPlan,
  hasRegion: boolean,
) {
  const plans = ownThinKinds.flatMap((kind): [OwnThinKind, OwnThinPlan][] => {
    const given = document.networks?.[kind];
    if (!given) return [];
    const { bytes = null, ...form } = given;
    const thin = { ...document.networks?.thin, ...definedOf(form) };
    const plan = thinOf({ ...document, networks: { ...document.networks, thin } }, inputFor(thin.region ?? hasRegion));
    return [[kind, { ...plan, bytes, isScaled: given.layers === undefined }]];
  });
  return Object.fromEntries(plans) as { [K in OwnThinKind]?: OwnThinPlan };
}

/** Where the training of tables and texts differs from that of pictures. */
export function usualTrainingOf(input: PlainInputDocument): Partial<TrainingPlan> {
  if (input.kind !== "features") return {};
  if (!hasNgrams(input)) return tableTraining;
  return isOnlyText(input) ? textTraining : mixedTraining;
}

function isOnlyText(input: PlainInputDocument): boolean {
  return input.kind === "features" && input.columns.every(({ type }) => type === "text");
}

/** The layers of networks on texts in n-grams; null for other inputs. */
function textLayersOf(input: PlainInputDocument): Record<"thin" | "full", LayerPlan[]> | null {
  if (input.kind !== "features" || !hasNgrams(input)) return null;
  return isOnlyText(input) ? textLayers : textLayers.mixed;
}

/** Full of a table is a linear model, a network or an ensemble, the best of them unless the recipe says which. */
export function fullOf({ networks, input: given }: CompleteDocument, input: InputPlan): NetworkPlan {
  const plain = asFeatures(given);
  const { kind: inputKind } = plain;
  const { region: _, kind, layers: own, members = usualMembers, training, ...rest } = networks?.full ?? {};
  const ofText = textLayersOf(plain);
  if (ofText) {
    if (kind !== undefined && kind !== "network") {
      throw new Error(`Full on texts is a network, not '${kind}'. Remove networks.full.kind from the recipe.`);
    }
    const different = { ...(isOnlyText(plain) ? { learningRate: fullTextRate } : {}), ...definedOf(training ?? {}) };
    const form = { kind: "network" as const, layers: own ?? ofText.full, rivals: [] };
    return { weights: "float16", ...rest, input, ...form, training: different };
  }
  const isTable = inputKind === "features";
  const formOf = (one: NetworkKind): NetworkForm => {
    if (one === "linear") return { kind: one, layers: [] };
    if (one === "ensemble") return { kind: one, layers: own ?? layers.ensemble, members };
    return { kind: one, layers: own ?? (inputKind === "image" ? layers.image : layers.full) };
  };
  const forms = kind || own || !isTable ? [formOf(kind ?? "network")] : networkKinds.map(formOf);
  const [form, ...rivals] = forms as [NetworkForm, ...NetworkForm[]];
  return { ...rest, input, ...form, rivals, ...trainingOf(training) };
}

function trainingOf(training: TrainableDocument["training"]): Pick<NetworkPlan, "training"> {
  return training ? { training: definedOf(training) } : {};
}

type Defined<T> = { [K in keyof T]?: Exclude<T[K], undefined> };

/** Leaves out fields that are undefined: `exactOptionalPropertyTypes` tells an absent field from one that is undefined. */
export function definedOf<T extends object>(fields: T): Defined<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Defined<T>;
}
