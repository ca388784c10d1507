import type { NetworkSpec } from "#core/contract/index.ts";
import { percent } from "#core/format.ts";
import { encode } from "#core/input/index.ts";
import type { TrainingReport } from "#origin/report/index.ts";
import { questionMs } from "#origin/thin/cost.ts";
import type { Artefact } from "#origin/train/index.ts";
import { bytesOf } from "#origin/train/pack.ts";
import { readFrom } from "#origin/train/score.ts";

/** Above this share of one label an overall error says little. */
const majorityMaxShare = 0.9;

/**
 * Warns where an overall error says little, and gives figures that say more.
 * @param perClass the labels whose own risks are bounded
 */
export function warningsOf({ networks }: TrainingReport, perClass: readonly string[]): string[] {
  const classes = networks[0]?.classes ?? [];
  const rows = classes.reduce((sum, { n }) => sum + n, 0);
  const [majority, rarest] = [classes.toSorted((a, b) => b.n - a.n)[0], classes.toSorted((a, b) => a.n - b.n)[0]];
  if (!majority || !rarest || majority.n <= majorityMaxShare * rows) return [];
  const measured = networks.map(({ name, averagePrecision, balancedAccuracy, classes: own }) => {
    const recalls = own.map(({ label, recall }) => `${percent(recall ?? 0)} of '${label}'`);
    const precision = averagePrecision === null ? "" : `PR-AUC ${averagePrecision.toFixed(4)} for '${rarest.label}', `;
    return `${name}: ${precision}balanced accuracy ${percent(balancedAccuracy ?? 0)}, finds ${recalls.join(", ")}`;
  });
  const next =
    perClass.length > 0 ? "" : ` Name the labels whose own risks matter: "risk": {"perClass": ["${rarest.label}"]}`;
  return [
    `${percent(majority.n / rows)} of the rows are '${majority.label}', so an overall error says little.${next}`,
    ...measured,
  ];
}

/** Bytes to transfer, and milliseconds of an example on the edge's engine on this machine; null without one. */
export async function costOf(
  { draft: { examples }, blobs }: Artefact,
  spec: NetworkSpec,
): Promise<{ kB: number; ms: number | null }> {
  const rows = examples.flatMap((instance) => {
    const encoded = encode(spec.input, instance, { region: "" });
    return encoded.ok ? [encoded.value] : [];
  });
  const rowAt = (row: number) => rows[row] as Float32Array;
  const ms = rows.length > 0 ? await questionMs(spec, readFrom(blobs), rows.length, rowAt) : null;
  return { kB: bytesOf(spec) / 1000, ms };
}
