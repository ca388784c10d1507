// The bare Worker that `npm run bench -- edge` compares with; bundled by bench/edge.ts.
import * as tf from "@tensorflow/tfjs-core";
import { Hono } from "hono";
import { startBackend } from "#core/model/tfjs/backend.ts";
import { benchWidths } from "./widths.ts";

// The network is made once per isolate, and a question is one pass over it.
let layers: { kernel: tf.Tensor2D; bias: tf.Tensor1D }[] | null = null;

async function load() {
  await startBackend();
  layers ??= benchWidths.slice(1).map((units, i) => ({
    kernel: tf.tensor2d(new Float32Array((benchWidths[i] as number) * units).fill(0.01), [
      benchWidths[i] as number,
      units,
    ]),
    bias: tf.tensor1d(new Float32Array(units)),
  }));
  return layers;
}

const app = new Hono();

app.post("/ask", async (context) => {
  const network = await load();
  const { instance } = await context.req.json<{ instance: Record<string, number> }>();
  const scores = tf.tidy(() => {
    let x = tf.tensor2d(Object.values(instance), [1, benchWidths[0]]);
    for (const [i, { kernel: b, bias }] of network.entries()) {
      x = tf.fused.matMul({ a: x, b, bias, activation: i < network.length - 1 ? "relu" : "linear" }) as tf.Tensor2D;
    }
    return tf.softmax(x).dataSync();
  });
  return context.json({ scores: Array.from(scores) });
});

export default app;
