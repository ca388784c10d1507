import * as tf from "@tensorflow/tfjs-core";
import * as layers from "@tensorflow/tfjs-layers";
import { readTopology } from "#core/model/tfjs/topology.ts";
import { ignoredSetting, kerasNotes } from "./keras-differences.ts";
import { type LayerPlace, layersIn } from "./layer-places.ts";
import { type Refusal, refusalsOf } from "./refusal.ts";

const asGraph =
  "save the model as a SavedModel and convert it with tensorflowjs_converter --input_format=tf_saved_model " +
  "--output_format=tfjs_graph_model";

/** Lists the layers of a model that the edge cannot run. */
export function refusedLayers(modelTopology: object): Refusal[] {
  const isKeras3 = String((modelTopology as { keras_version?: unknown }).keras_version).startsWith("3.");
  return refusalsOf(placesIn(modelTopology).flatMap((place) => refusalOf(place, isKeras3) ?? []));
}

/** Lists what a layers model may compute otherwise than Keras. */
export function notesOnLayers(modelTopology: object): string[] {
  return kerasNotes(placesIn(modelTopology));
}

function placesIn(modelTopology: object): LayerPlace[] {
  return layersIn(readTopology(modelTopology));
}

function refusalOf(place: LayerPlace, isKeras3: boolean): Refusal | null {
  const { operation, name, config } = place;
  const refuse = (reason: string, advice: string): Refusal => ({ operation, reason, advice, where: [name] });
  const { classNameMap } = tf.serialization.SerializationMap.getMap();
  if (config.dtype === "string") {
    return refuse("its values are texts, and the edge's models take numbers", "turn texts into numbers before you ask");
  }
  if (config.sparse === true || config.ragged === true) {
    return refuse(
      "the edge takes dense tensors only",
      "build the model with sparse=False and ragged=False, padded to one length",
    );
  }
  if (/^(CuDNN)?GRU(Cell)?$/.test(operation) && config.reset_after === true) {
    return refuse(
      "it has reset_after=True, which is Keras's default, and TensorFlow.js computes GRU with reset_after=False only",
      `train it with reset_after=False, or with unroll=True for sequences of a fixed length; then ${asGraph}`,
    );
  }
  if (config.padding === "causal") {
    return refuse("TensorFlow.js does not support causal padding in layers models", asGraph);
  }
  if (/^Random/.test(operation)) {
    return refuse(
      "it draws at random, so that one question would have different answers",
      "remove it from the model that you export: it is for training",
    );
  }
  if (!Object.hasOwn(classNameMap, operation)) {
    if (operation === "Lambda") {
      return refuse("it is code in Python", `replace it by a layer of Keras, or ${asGraph}`);
    }
    if (/^(Hashing|IntegerLookup|StringLookup|TextVectorization)$/.test(operation)) {
      return refuse(
        "TensorFlow.js does not support it",
        "do this step before you ask, and export the model from its result on",
      );
    }
    return refuse("TensorFlow.js does not support it in layers models", asGraph);
  }
  const ignored = ignoredSetting(place, isKeras3);
  return ignored && refuse(ignored.reason, ignored.advice);
}

/**
 * Makes each layer of a model alone, to find those that TensorFlow.js cannot make, with its reason: it does not name them
 * itself.
 */
export async function unmadeLayers(modelTopology: object): Promise<Refusal[]> {
  const found: Refusal[] = [];
  for (const { operation, name, config } of placesIn(modelTopology)) {
    if (operation === "InputLayer") continue;
    const own = { class_name: operation, name, config: { ...zeroed(config), name } };
    const topology = { class_name: "Sequential", config: { name: "alone", layers: [own] } };
    try {
      const model = await layers.loadLayersModel(tf.io.fromMemory({ modelTopology: structuredClone(topology) }));
      model.dispose();
    } catch (error) {
      const reason = firstSentence(error);
      // The layer itself was made: it takes several inputs, or one whose shape only the model says.
      if (reason.startsWith("The first layer in a Sequential model")) continue;
      found.push({ operation, reason: `TensorFlow.js says: ${reason}`, advice: asGraph, where: [name] });
    }
  }
  return refusalsOf(found);
}

// Initial values are not needed, and take operations that are not at the edge.
function zeroed(config: LayerPlace["config"]): LayerPlace["config"] {
  const zeros = { class_name: "Zeros", config: {} };
  const entries = Object.entries(config).map(([key, value]) => [key, key.endsWith("_initializer") ? zeros : value]);
  return Object.fromEntries(entries);
}

/** Returns the first sentence of an error of TensorFlow.js, whose messages list possible reasons. */
export function firstSentence(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (/^[\s\S]*?[^\s](?=\.\s|\.?$)/.exec(text.trim())?.[0] ?? text).replace(/\s+/g, " ").slice(0, 300);
}
