import { trainFolds } from "#core/confidence/splits.ts";
import type { ClassifyManifest, Policy } from "#core/contract/index.ts";
import { softmax } from "#core/head/head.ts";
import { estimateLabelShift } from "#core/head/label-shift.ts";
import { logitsOfRow } from "#core/head/softmax-fit.ts";
import { classSharesIn, decodeSums } from "#core/head/sums.ts";
import type { ReadBlob } from "#core/model/network.ts";
import type { EmbeddedQuestion, Questions } from "../tables/questions.ts";
import type { RunningRun } from "../tables/runs.ts";
import type { Candidate } from "./candidates.ts";
import type { RunData } from "./data.ts";
import { loadSliceRows, sliceMultiplyAdds } from "./slices.ts";

/** With as many labels, the labels themselves say how frequent the classes are. */
const shiftMaxLabels = 200;

/** What the shifted candidate reads. */
export interface ShiftNeeds {
  questions: Pick<Questions, "embedded">;
  readBlob: ReadBlob;
}

/**
 * The global head with the class priors of a region that has few labels, estimated from its questions without labels. Null
 * where the region has enough labels, the priors of training are unknown, or no random sample of the questions is kept.
 */
export async function shiftedCandidate(
  { questions, readBlob }: ShiftNeeds,
  { thin, prior, policy }: ClassifyManifest,
  { at }: RunningRun,
  { start, classes, ownLabels }: Pick<RunData, "start" | "classes" | "ownLabels">,
): Promise<Candidate | null> {
  const labels = ownLabels.reduce((sum, own) => sum + own, 0);
  const weightOf = policy.learning.includes("label-shift") ? weighting(policy) : null;
  if (!prior || !weightOf || labels >= shiftMaxLabels) return null;
  const { width, step } = thin.backbone.embedding;
  const limit = Math.min(loadSliceRows, Math.floor(sliceMultiplyAdds / start.length));
  const stored = questions.embedded(thin.backbone.sha256, at, limit);
  const scores = stored.map(({ vector }) => {
    const input = Float32Array.from({ length: width + 1 }, (_, i) => (i < width ? (vector[i] as number) * step : 1));
    return softmax(logitsOfRow(input, 0, start, classes), 1);
  });
  const trained = classSharesIn(decodeSums(width, classes, await readBlob(prior.blob)));
  const shift = estimateLabelShift({ scores, weights: stored.map(weightOf) }, trained);
  if (shift.questions === 0) return null;
  const biasRow = start.length - classes;
  const weights = start.map((weight, i) => weight + (i < biasRow ? 0 : (shift.bias[i - biasRow] as number)));
  const crossFitted = Array.from({ length: trainFolds }, () => weights);
  return { kind: "shifted", weights, crossFitted, settings: { questions: shift.questions } };
}

/** How many questions a stored one stands for; null where the stored ones are no random sample. */
function weighting({ keep, truth }: Policy): ((question: EmbeddedQuestion) => number) | null {
  if (keep === "all") return () => 1;
  if (keep === "none" || truth === "complete") return null;
  // Every escalated question is stored. Of the accepted ones, only those of the audit are a random sample.
  return ({ accepted, audited, inclusionProbability }) =>
    !accepted ? 1 : audited && inclusionProbability > 0 ? 1 / inclusionProbability : 0;
}
