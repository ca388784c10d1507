import type * as layers from "@tensorflow/tfjs-layers";
import { isModel } from "./layer-graph.ts";

/** A variable of a layers model, which one weight fills. */
export interface Variable {
  weight: layers.LayerVariable;
  /** The names of the models around its layer, of its layer, and of itself. */
  path: readonly string[];
  /** How many names at the end of the path tfjs-layers gives it: its layer and its own. */
  own: number;
  /** Its number among the weights of its layer. */
  index: number;
  shape: readonly (number | null)[];
}

/** Lists the variables of a layers model, those of the models inside it included. */
export function variablesOf(model: layers.LayersModel, inside: readonly string[] = []): Variable[] {
  const seen = new Set<layers.LayerVariable>();
  return model.layers
    .flatMap((layer): Variable[] => {
      if (isModel(layer)) return variablesOf(layer, [...inside, layer.name]);
      return layer.weights.map((weight, index) => {
        const { originalName: name, shape } = weight;
        const own = name.split("/");
        // The weights of a wrapped model do not have the wrapper's name.
        const around = name.startsWith(`${layer.name}/`) ? inside : [...inside, layer.name];
        return { weight, path: [...around, ...own], own: own.length, index, shape };
      });
    })
    .filter(({ weight }) => !seen.has(weight) && seen.add(weight));
}
