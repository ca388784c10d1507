import type { LayerPlace } from "./layer-places.ts";

/** A setting of a layer that TensorFlow.js reads and ignores, or computes otherwise than Keras. */
interface IgnoredSetting {
  isSet: (place: LayerPlace, isKeras3: boolean) => boolean;
  reason: string;
  advice: string;
}

const is = (operation: string, pattern: RegExp) => pattern.test(operation);
const isOther = (value: unknown, usual: unknown) => value !== undefined && value !== null && value !== usual;

/** TensorFlow.js answers these with other values than Keras, without an error. */
const ignored: readonly IgnoredSetting[] = [
  {
    isSet: ({ operation, config }) => is(operation, /Conv/) && isOther(config.groups, 1),
    reason: "it is a grouped convolution, and TensorFlow.js ignores groups",
    advice: "replace it by one convolution a group, or by DepthwiseConv2D",
  },
  {
    isSet: ({ operation, config }) => is(operation, /^Global/) && config.keepdims === true,
    reason: "it has keepdims=True, which TensorFlow.js ignores",
    advice: "build the layer without keepdims, followed by Reshape",
  },
  {
    isSet: ({ config }) => config.time_major === true,
    reason: "it has time_major=True, which TensorFlow.js ignores",
    advice: "build the layer with time_major=False",
  },
  {
    isSet: ({ operation, config }) =>
      operation === "ReLU" && (isOther(config.negative_slope, 0) || isOther(config.threshold, 0)),
    reason: "it has a slope below zero or a threshold, which TensorFlow.js ignores",
    advice: "replace it by LeakyReLU or ThresholdedReLU",
  },
  {
    isSet: ({ operation, config }) =>
      operation === "LeakyReLU" && config.alpha === undefined && isOther(config.negative_slope, 0.3),
    reason: "Keras 3 calls its slope negative_slope, which TensorFlow.js ignores",
    advice: "add the slope to the layer's config in model.json as alpha",
  },
  {
    isSet: ({ config }, isKeras3) =>
      isKeras3 && [config.activation, config.recurrent_activation].includes("hard_sigmoid"),
    reason: "it has the activation hard_sigmoid, which is another function in Keras 3 than in TensorFlow.js",
    advice: "train it with the activation sigmoid",
  },
];

/** Returns what TensorFlow.js would compute otherwise than Keras; null where it computes the same. */
export function ignoredSetting(place: LayerPlace, isKeras3: boolean): Pick<IgnoredSetting, "reason" | "advice"> | null {
  return ignored.find(({ isSet }) => isSet(place, isKeras3)) ?? null;
}

/** Lists what may differ from Keras, and does not keep a model from being served. */
export function kerasNotes(places: readonly LayerPlace[]): string[] {
  const named = (chosen: readonly LayerPlace[]) => chosen.map(({ name }) => `'${name}'`).join(", ");
  const masking = places.filter(
    ({ operation, config }) => operation === "Masking" || (operation === "Embedding" && config.mask_zero === true),
  );
  const averages = places.filter(({ operation }) => operation === "GlobalAveragePooling1D");
  const resized = places.filter(
    ({ operation, config }) => operation === "UpSampling2D" && config.interpolation === "bilinear",
  );
  const dropping = places.filter(({ operation, isTraining }) => isTraining && operation.includes("Dropout"));
  return [
    ...(masking.length > 0 && averages.length > 0
      ? [
          `${named(averages)} averages over all steps: TensorFlow.js ignores the mask of ${named(masking)} there, Keras does not`,
        ]
      : []),
    ...(resized.length > 0
      ? [
          `${named(resized)} interpolates from the corners of pixels in TensorFlow.js, and from their centres in Keras of TensorFlow 2`,
        ]
      : []),
    ...(dropping.length > 0
      ? [`${named(dropping)} is called with training=True; the edge answers without dropout`]
      : []),
  ];
}
