import { type GraphModel, loadGraphModel } from "@tensorflow/tfjs-converter";
import * as tf from "@tensorflow/tfjs-core";
import { loadLayersModel } from "@tensorflow/tfjs-layers";
import { beforeAll, expect, it } from "vitest";
import { sizeOf } from "#core/input/index.ts";
import { loadBackbone } from "#core/model/backbone.ts";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import {
  graphNetwork,
  type ImageNetwork,
  imageRowWidth,
  imageShapes,
  layersNetwork,
} from "#test/helpers/image-networks.ts";
import { seeded, uniform } from "#test/helpers/random.ts";

const rows = 5;
const values = uniform(seeded(21), rows * imageRowWidth);

beforeAll(startBackend);

it.each(["float32", "float16", "uint8"] as const)(
  "runs a layers model as tfjs-layers does: weights in %s",
  async (type) => {
    const built = layersNetwork(type);
    const model = await loadLayersModel(handlerOf(built));
    expectClose(await embed(built), (model.predict(inputs()) as tf.Tensor).dataSync());
    model.dispose();
  },
);

it.each(["float32", "float16", "uint8"] as const)(
  "runs a graph model as tfjs-converter does: weights in %s",
  async (type) => {
    const built = graphNetwork(type);
    const model: GraphModel = await loadGraphModel(handlerOf(built));
    const [what, where] = inputs() as [tf.Tensor, tf.Tensor];
    const embedding = model.execute({ what, where }, "embedding/Identity") as tf.Tensor;
    expectClose(await embed(built), embedding.dataSync());
    model.dispose();
  },
);

function handlerOf({ modelJson, files }: ImageNetwork): tf.io.IOHandler {
  const weightSpecs = modelJson.weightsManifest.flatMap(({ weights }) => weights) as tf.io.WeightsManifestEntry[];
  return tf.io.fromMemory({ ...modelJson, weightSpecs, weightData: files.shards });
}

function inputs(): tf.Tensor[] {
  let offset = 0;
  return imageShapes.map((shape) => {
    const [from, size] = [offset, sizeOf(shape)];
    offset += size;
    const own = Array.from({ length: rows }, (_, row) => [
      ...values.subarray(row * imageRowWidth + from, row * imageRowWidth + from + size),
    ]);
    return tf.tensor(own.flat(), [rows, ...shape]);
  });
}

async function embed({ spec, files }: ImageNetwork): Promise<Float32Array> {
  const backbone = await loadBackbone(await tfjsEngine(), spec, files, imageShapes);
  const embeddings = backbone.embed(values, rows);
  backbone.release();
  return embeddings;
}

function expectClose(embeddings: Float32Array, expected: ArrayLike<number>): void {
  expect(embeddings).toHaveLength(expected.length);
  for (const [i, value] of embeddings.entries()) {
    const other = expected[i] as number;
    expect(Math.abs(value - other)).toBeLessThan(1e-4 * Math.max(1, Math.abs(other)));
  }
}
