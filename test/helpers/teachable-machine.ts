import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as layers from "@tensorflow/tfjs-layers";
import { saveLayersModel } from "./saved-model.ts";

const { conv2d, depthwiseConv2d, batchNormalization, reLU, zeroPadding2d, add, globalAveragePooling2d, dense } =
  layers.layers;

/** Pixels of a side, as Teachable Machine's image projects have them. */
export const teachableSize = 224;

/** Channels, stride and expansion of the blocks between the first and the last convolution. */
const blocks = [
  [8, 1, 1],
  [8, 2, 3],
  [16, 2, 6],
  [16, 1, 6],
  [32, 2, 6],
  [40, 2, 6],
] as const;
const features = 320;

/**
 * Builds a model as Teachable Machine's image library joins one: a Sequential of two, the first of a MobileNetV2 (here with
 * fewer blocks) up to 'out_relu' and a mean over its pixels, the second of two dense layers, the last one without bias.
 */
export function teachableModel(classes: number): layers.Sequential {
  const trunk = layers.sequential({ name: "sequential_1", layers: [mobileNet(), globalAveragePooling2d({})] });
  const kernelInitializer = layers.initializers.varianceScaling({ seed: 900 });
  const top = layers.sequential({
    name: "sequential_3",
    layers: [
      dense({ units: 100, inputShape: [features], activation: "relu", useBias: true, kernelInitializer }),
      dense({ units: classes, activation: "softmax", useBias: false, kernelInitializer }),
    ],
  });
  return layers.sequential({ name: "sequential_4", layers: [trunk, top] });
}

/** Saves a model as Teachable Machine exports it, with the labels in its metadata.json. */
export async function saveTeachable(model: layers.LayersModel, labels: string[], folder: string): Promise<void> {
  await saveLayersModel(model, folder);
  const versions = { tfjsVersion: "1.3.1", tmVersion: "2.4.10", packageVersion: "0.8.4-alpha2" };
  const project = { packageName: "@teachablemachine/image", modelName: "tm-my-image-model", imageSize: teachableSize };
  const metadata = { ...versions, ...project, timeStamp: "2026-01-01T00:00:00.000Z", userMetadata: {}, labels };
  await writeFile(join(folder, "metadata.json"), JSON.stringify(metadata));
}

type Symbolic = layers.SymbolicTensor;
const apply = (layer: layers.layers.Layer, to: Symbolic | Symbolic[]) => layer.apply(to) as Symbolic;

function mobileNet(): layers.LayersModel {
  let seed = 0;
  const random = () => layers.initializers.heNormal({ seed: ++seed });
  const normal = (name: string, to: Symbolic) => {
    const gammaInitializer = layers.initializers.randomUniform({ minval: 0.8, maxval: 1.2, seed: ++seed });
    const betaInitializer = layers.initializers.randomUniform({ minval: -0.2, maxval: 0.4, seed: ++seed });
    return apply(batchNormalization({ epsilon: 0.001, gammaInitializer, betaInitializer, name: `${name}_BN` }), to);
  };
  const relu6 = (name: string, to: Symbolic) => apply(reLU({ maxValue: 6, name }), to);
  const point = (name: string, filters: number, to: Symbolic) => {
    const own = { filters, kernelSize: 1, useBias: false, kernelInitializer: random(), name };
    return normal(name, apply(conv2d({ ...own, padding: "same" }), to));
  };
  const padded = (name: string, to: Symbolic) =>
    apply(
      zeroPadding2d({
        padding: [
          [0, 1],
          [0, 1],
        ] as never,
        name: `${name}_pad`,
      }),
      to,
    );

  const input = layers.input({ shape: [teachableSize, teachableSize, 3], name: "input_1" });
  const first = { filters: 16, kernelSize: 3, strides: 2, useBias: false, name: "Conv1" };
  let x = apply(conv2d({ ...first, kernelInitializer: random() }), padded("Conv1", input));
  x = relu6("Conv1_relu", normal("Conv1", x));
  for (const [i, [channels, strides, expansion]] of blocks.entries()) {
    const name = i === 0 ? "expanded_conv" : `block_${i}`;
    const before = x;
    const width = before.shape.at(-1) as number;
    if (expansion > 1) x = relu6(`${name}_expand_relu`, point(`${name}_expand`, width * expansion, x));
    if (strides === 2) x = padded(name, x);
    const depthwiseInitializer = layers.initializers.randomNormal({ stddev: 0.5, seed: ++seed });
    const deep = { kernelSize: 3, strides, useBias: false, depthwiseInitializer, name: `${name}_depthwise` };
    x = apply(depthwiseConv2d({ ...deep, padding: strides === 2 ? "valid" : "same" }), x);
    x = relu6(`${name}_depthwise_relu`, normal(`${name}_depthwise`, x));
    x = point(`${name}_project`, channels, x);
    if (strides === 1 && width === channels) x = apply(add({ name: `${name}_add` }), [before, x]);
  }
  x = relu6("out_relu", point("Conv_1", features, x));
  return layers.model({ name: "model1", inputs: input, outputs: x });
}
