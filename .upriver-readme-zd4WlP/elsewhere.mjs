import { mkdir, readFile, writeFile } from "node:fs/promises";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-backend-wasm";
import * as layers from "@tensorflow/tfjs-layers";
import { asyncBufferFromFile, parquetReadObjects } from "hyparquet";

const [folder] = process.argv.slice(2);
const { labels } = JSON.parse(await readFile(`${folder}/dataset.json`, "utf8"));
const { columns } = JSON.parse(await readFile(`${folder}/input.json`, "utf8")).thin;
const rows = await parquetReadObjects({ file: await asyncBufferFromFile(`${folder}/set.parquet`) });

// Encodes an instance as input.json says: numbers as standard scores, cycles as sine and cosine, categories one-hot.
const encoded = (row) =>
  columns.flatMap((column) => {
    const value = row[column.name];
    if (column.type === "number") return [((value ?? column.mean) - column.mean) / column.deviation];
    if (column.type === "category") return column.values.map((one) => (one === value ? 1 : 0));
    const angle = (2 * Math.PI * value) / column.period;
    return value == null ? [0, 0] : [Math.sin(angle), Math.cos(angle)];
  });
const tensorsOf = (split) => {
  const own = rows.filter((row) => row.split === split);
  const classes = tf.tensor1d(own.map((row) => labels.indexOf(row.label)), "int32");
  return [tf.tensor2d(own.map(encoded)), tf.oneHot(classes, labels.length)];
};

await tf.setBackend("wasm");
const [inputs, targets] = tensorsOf("train");
let seed = 0;
const dense = (options) => {
  seed += 1;
  return layers.layers.dense({ ...options, kernelInitializer: layers.initializers.glorotUniform({ seed }) });
};
const network = layers.sequential({
  layers: [
    dense({ units: 24, activation: "relu", inputShape: [inputs.shape[1]] }),
    dense({ units: 16, activation: "relu" }),
    dense({ units: labels.length, activation: "softmax" }),
  ],
});
network.compile({ optimizer: tf.train.adam(0.01), loss: "categoricalCrossentropy" });
const validationData = tensorsOf("validation");
await network.fit(inputs, targets, { epochs: 12, batchSize: 128, shuffle: false, validationData, verbose: 0 });

// Saves model.json and its weights with TensorFlow.js's own saver.
await mkdir(`${folder}/thin`, { recursive: true });
const save = async ({ modelTopology, weightSpecs, weightData }) => {
  const weightsManifest = [{ paths: ["weights.bin"], weights: weightSpecs }];
  await writeFile(`${folder}/thin/weights.bin`, new Uint8Array(weightData));
  await writeFile(`${folder}/thin/model.json`, JSON.stringify({ format: "layers-model", modelTopology, weightsManifest }));
  return { modelArtifactsInfo: { dateSaved: new Date(), modelTopologyType: "JSON" } };
};
await network.save(tf.io.withSaveHandler(save));
