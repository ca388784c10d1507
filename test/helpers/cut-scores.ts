import type { NetworkSpec } from "#core/contract/index.ts";
import { scoresOf } from "#core/head/head.ts";
import type { Tensor } from "#core/model/engine.ts";
import { loadNetwork } from "#core/model/network.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import type { Blobs } from "#origin/train/pack.ts";
import { readFrom } from "#origin/train/score.ts";

/** Scores rows with a network that was cut before its last layer, on the edge's engine; row after row in one list. */
export async function cutScores(spec: NetworkSpec, blobs: Blobs, { values, shape: [rows = 0] }: Tensor) {
  const { backbone, head } = await loadNetwork(await tfjsEngine(), spec, readFrom(blobs));
  const embeddings = backbone.embed(values as Float32Array, rows);
  backbone.release();
  return Array.from({ length: rows }, (_, row) => [...scoresOf(head, embeddings, row * head.width)]).flat();
}
