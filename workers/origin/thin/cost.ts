import type { NetworkSpec } from "#core/contract/index.ts";
import { loadNetwork, type ReadBlob } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";

const timedQuestions = 200;

/**
 * Measures the median milliseconds of one question on the edge's engine on this machine, one question at a time.
 * @param rowAt encodes a row
 */
export async function questionMs(
  spec: NetworkSpec,
  read: ReadBlob,
  rows: number,
  rowAt: (row: number) => Float32Array,
): Promise<number> {
  const { backbone } = await loadNetwork(servingEngine, spec, read);
  const times: number[] = [];
  for (let i = 0; i < timedQuestions; i++) {
    const row = rowAt(i % rows);
    const startedAt = performance.now();
    backbone.embed(row, 1);
    times.push(performance.now() - startedAt);
  }
  backbone.release();
  return times.sort((a, b) => a - b)[timedQuestions / 2] as number;
}
