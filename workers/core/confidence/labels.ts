import { type LabelSource, labelSources } from "../contract/index.ts";

/** Tells whether a label of source `next` replaces one of source `known`: truth over human over origin, and equals. */
export function replaces(next: LabelSource, known: LabelSource): boolean {
  return labelSources.indexOf(next) <= labelSources.indexOf(known);
}

/** Tells whether labels of a source may evaluate and certify. The origin's would only measure agreement with the origin. */
export function mayJudge(source: LabelSource): boolean {
  return source !== "origin";
}
