import * as tf from "@tensorflow/tfjs-core";
import { expect, it } from "vitest";
import { startBackend } from "#core/model/tfjs/backend.ts";

it("is shared by all callers that wait while it starts", async () => {
  const sums = Array.from({ length: 3 }, async (_, i) => {
    await startBackend();
    return tf.tidy(() => tf.sum(tf.tensor1d([i, 1])).dataSync()[0]);
  });
  expect(await Promise.all(sums)).toEqual([1, 2, 3]);
});
