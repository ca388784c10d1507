import type { ClassifyManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { emptySums, encodeSums } from "#core/head/sums.ts";
import { sign } from "#core/sign.ts";
import { testKeys } from "./keys.ts";
import { type ModelOptions, randomNetwork, type TestModel, testModel } from "./model.ts";

/** A test's model with a thin network of its own for nodes, of another width than thin. */
export async function thinsModel(options: ModelOptions & { memoryBytes?: number } = {}): Promise<TestModel> {
  const { manifest, blobs } = await testModel(options);
  const { input } = manifest.thin;
  if (input.kind !== "features") throw new Error("The test's model has features.");
  const classes = manifest.labels.length;
  const { threshold } = manifest.thin.rule;
  const widths = [input.columns.length, 12, 7];
  const network = await randomNetwork({ columns: input.columns, widths, classes, seed: 77, threshold }, blobs);
  const prior = encodeSums(emptySums(7, classes));
  const blob = { sha256: await sha256Hex(prior), bytes: prior.byteLength };
  blobs.set(blob.sha256, prior);
  const escalation = { overall: null, regions: {}, isUsed: true, reason: "a test" };
  const thins: ClassifyManifest["thins"] = {
    node: {
      network,
      memoryBytes: options.memoryBytes ?? 1_000,
      ...{ anchor: null, prior: { blob }, metrics: { ...manifest.metrics.thin, accuracy: 0.75 } },
      escalation,
    },
  };
  const unsigned: ClassifyManifest = { ...manifest, thins };
  return { manifest: await sign(unsigned, testKeys.publish.signing), blobs };
}
