import type { ModelOptions } from "./model.ts";
import { originModels } from "./origin-models.ts";

const [height, width] = [6, 8];

/** The models that the SDK's cases ask. */
export const sdkModels: ModelOptions[] = [
  { model: "easy", ...originModels.easy },
  { model: "open", ...originModels.open },
  {
    ...{ model: "pictures", threshold: 0, inputs: height * width * 3 },
    input: { kind: "image", size: [height, width], channels: 3, scale: 1 / 255, offset: 0 },
  },
];

/** A picture [height][width][3]. */
export const sdkPixels = Array.from({ length: height }, (_, y) =>
  Array.from({ length: width }, (_, x) => [30 * x, 40 * y, 7 * x * y]),
);
