import { limits } from "../../workers/core/limits.ts";
import type { RegionContext } from "./context.ts";
import type { NewSample } from "./samples.ts";

/** Keeps a label and its embedding, once a question; answers whether that changed anything. */
export function keepSample({ samples, embeddings, recall, jobs }: RegionContext, sample: NewSample): boolean {
  const number = samples.teach(sample);
  if (number === null) return false;
  if (sample.embedding) embeddings.set(number, sample.embedding);
  recall.drop();
  if (samples.count() > limits.samplesMax) jobs.bring("archive", "", Date.now());
  return true;
}
