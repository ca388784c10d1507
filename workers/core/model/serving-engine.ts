import type { Engine } from "./engine.ts";
import { loadLoops } from "./loops/model.ts";
import { readModelJson } from "./tfjs/model-json.ts";

let tfjs: Engine | null = null;

/**
 * The engine of every rung: small networks of dense layers and embedding bags run in loops, all others in TensorFlow.js. What
 * runs a model depends on the model alone, so that all rungs compute the same.
 */
export const servingEngine: Engine = {
  /** `loops`, until a model needs TensorFlow.js. */
  get name() {
    return tfjs?.name ?? "loops";
  },
  async load(kind, files) {
    const loops = kind === "tfjs-layers-model" ? loadLoops(readModelJson(files.topology), files.shards) : null;
    return loops ?? (await startTfjs()).load(kind, files);
  },
  liveTensors: () => tfjs?.liveTensors() ?? 0,
};

// It is loaded only then: that takes longer than a new isolate's first question.
async function startTfjs(): Promise<Engine> {
  const { tfjsEngine } = await import("./tfjs/engine.ts");
  tfjs = await tfjsEngine();
  return tfjs;
}
