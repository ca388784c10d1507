import { EngineError } from "../engine.ts";
import type { WeightSpec } from "./model-json.ts";
import { layerName } from "./topology.ts";
import type { Variable } from "./variables.ts";

/**
 * Finds the weight of each variable. Writers name them differently: Keras 3 and models inside models put names in front, older
 * versions number names again, some write numbers instead of names. Names are compared first, then layer and shape; what fits
 * two ways is refused. Weights of the optimizer are left out. Throws `EngineError` that lists what has no counterpart.
 */
export function matchWeights(
  variables: readonly Variable[],
  weights: readonly WeightSpec[],
): ReadonlyMap<Variable, WeightSpec> {
  const found = new Map<Variable, WeightSpec>();
  const left = {
    variables: new Set(variables),
    weights: new Set(weights.filter(({ group }) => group !== "optimizer")),
  };
  const take = (variable: Variable, weight: WeightSpec) => {
    checkShape(variable, weight);
    found.set(variable, weight);
    left.variables.delete(variable);
    left.weights.delete(weight);
  };
  for (const [variable, weight] of sameNames(variables, [...left.weights])) take(variable, weight);
  for (const weight of left.weights) if (isOptimizers(weight)) left.weights.delete(weight);
  for (const rule of rules) {
    const fits = rule(variables);
    for (;;) {
      const pairs = uniquePairs([...left.variables], [...left.weights], fits);
      if (pairs.length === 0) break;
      for (const [variable, weight] of pairs) take(variable, weight);
    }
  }
  const others = [...left.weights].filter((weight) => !isStateOfTraining(weight));
  if (left.variables.size > 0 || others.length > 0) throw unmatched([...left.variables], others);
  return found;
}

// The names that tfjs-layers gives and writes.
function sameNames(variables: readonly Variable[], weights: readonly WeightSpec[]): [Variable, WeightSpec][] {
  const named = new Map<string, Variable[]>();
  for (const variable of variables) {
    const { originalName } = variable.weight;
    named.set(originalName, [...(named.get(originalName) ?? []), variable]);
  }
  return weights.flatMap((weight): [Variable, WeightSpec][] => {
    const [variable, other] = named.get(weight.name) ?? [];
    return variable && !other ? [[variable, weight]] : [];
  });
}

/** How well a weight fits a variable: the number of names that agree; 0 if it does not fit. */
type Fit = (variable: Variable, weight: WeightSpec) => number;

/** From the strictest to the loosest. */
const rules: readonly ((all: readonly Variable[]) => Fit)[] = [
  () =>
    ({ path, own }, weight) =>
      agreeing(path, namesOf(weight), own),
  () =>
    ({ path, own }, weight) =>
      agreeing(plain(path), plain(namesOf(weight)), Math.min(own, 2)),
  // Keras numbers the scope of a layer that was built twice: "conv_10_1/kernel" is a weight of "conv_10".
  (all) => {
    const layers = new Set(all.map(({ path }) => plain(path).at(-2)));
    return ({ path, own }, weight) => {
      const layer = plain(path).at(-2) as string;
      const isNumbered = (other = "") => other.startsWith(`${layer}_`) && /^\d+$/.test(other.slice(layer.length + 1));
      // With layers "dense" and "dense_1", the numbers of the weights may be shifted.
      if ([...layers].some(isNumbered)) return 0;
      const names = plain(namesOf(weight));
      return isNumbered(names.at(-2)) ? agreeing(plain(path), names.with(-2, layer), Math.min(own, 2)) : 0;
    };
  },
  () => (variable, weight) => {
    const names = plain(namesOf(weight));
    return names.at(-1) === `${variable.index}` ? ofLayer(variable, weight) : 0;
  },
  () => ofLayer,
  // Keras 3 writes the layer inside a wrapper as well, whose name tfjs-layers leaves out.
  () => (variable, weight) => {
    const [path, names] = [plain(variable.path), plain(namesOf(weight))];
    const isInside = names.slice(0, -1).includes(path.at(-2) as string) && names.at(-1) === path.at(-1);
    return isInside && isSameShape(variable, weight) ? 1 : 0;
  },
];

function ofLayer(variable: Variable, weight: WeightSpec): number {
  if (!isSameShape(variable, weight)) return 0;
  return agreeing(plain(variable.path).slice(0, -1), plain(namesOf(weight)).slice(0, -1), 1);
}

function uniquePairs(
  variables: readonly Variable[],
  weights: readonly WeightSpec[],
  fits: Fit,
): [Variable, WeightSpec][] {
  const bestOf = <A, B>(one: A, all: readonly B[], score: (one: A, other: B) => number): B | null => {
    const scores = all.map((other) => score(one, other));
    const best = Math.max(0, ...scores);
    const isUnique = best > 0 && scores.filter((each) => each === best).length === 1;
    return isUnique ? (all[scores.indexOf(best)] as B) : null;
  };
  return weights.flatMap((weight): [Variable, WeightSpec][] => {
    const variable = bestOf(weight, variables, (one, other) => fits(other, one));
    return variable && bestOf(variable, weights, fits) === weight ? [[variable, weight]] : [];
  });
}

/** Counts the names at the end of two paths that agree; 0 if fewer than `least` do. */
function agreeing(path: readonly string[], names: readonly string[], least: number): number {
  let count = 0;
  while (count < Math.min(path.length, names.length) && path.at(-1 - count) === names.at(-1 - count)) count++;
  return count < least ? 0 : count;
}

// A rule compares each weight with each variable: names are taken apart once.
function memoized<Key extends object>(work: (key: Key) => readonly string[]): (key: Key) => readonly string[] {
  const known = new WeakMap<Key, readonly string[]>();
  return (key) => {
    const found = known.get(key) ?? work(key);
    known.set(key, found);
    return found;
  };
}

const namesOf = memoized(({ name }: WeightSpec) =>
  decoded(name)
    .replace(/:\d+$/, "")
    .split(/[/\\|]/)
    .filter((part) => part !== "" && part !== "." && !folders.includes(part))
    .map(layerName),
);

/** Decodes a text that may be written as in a URL. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** The folders that a checkpoint of Keras 3 puts around names. */
const folders = ["vars", "layers", "_layer_checkpoint_dependencies", "layer_checkpoint_dependencies"];
const cell = /^(lstm|gru|simple_rnn)_cell(_\d+)?$/;

// Without the cells of recurrent layers, and the number behind a weight's own name.
const plain = memoized((path: readonly string[]) => {
  const names = path.filter((name) => !cell.test(name));
  return names.map((name, i) => (i === names.length - 1 ? name.replace(/_\d+$/, "") : name));
});

function isOptimizers({ name, group }: WeightSpec): boolean {
  const isAbove = /(^|\/)(optimizer|training|_?optimizer_variables)\//i.test(name);
  return (
    group === "optimizer" ||
    isAbove ||
    /^(adam|adamw|adamax|nadam|sgd|rmsprop|adagrad|adadelta|ftrl)(_\d+)?\//i.test(name)
  );
}

const states = /(^|\/)(iter|iterations?|current_learning_rate|learning_rate|seed_generator_state|total|count)(:0)?$/;

// Only training or random layers use them.
function isStateOfTraining({ name, shape }: WeightSpec): boolean {
  return states.test(name) && shape.reduce((product, size) => product * size, 1) <= 2;
}

function isSameShape({ shape }: Variable, weight: WeightSpec): boolean {
  return shape.join() === weight.shape.join();
}

function checkShape(variable: Variable, weight: WeightSpec): void {
  if (isSameShape(variable, weight)) return;
  throw new EngineError(
    `Weight '${weight.name}' has shape [${weight.shape}], but its layer needs [${variable.shape}]. Save the model again with ` +
      "its weights.",
  );
}

const listed = 8;

function unmatched(variables: readonly Variable[], weights: readonly WeightSpec[]): EngineError {
  const list = (all: readonly string[]) => {
    const more = all.length > listed ? ` and ${all.length - listed} more` : "";
    return all.length === 0 ? "none" : `${all.slice(0, listed).join(", ")}${more}`;
  };
  return new EngineError(
    `The weights do not fit the layers by name, or fit in several ways. Without a weight: ` +
      `${list(variables.map(({ path, shape }) => `'${path.join("/")}' [${shape}]`))}. Without a layer: ` +
      `${list(weights.map(({ name, shape }) => `'${name}' [${shape}]`))}. Save the model again, or rename the weights in ` +
      "model.json to layer/weight.",
  );
}
