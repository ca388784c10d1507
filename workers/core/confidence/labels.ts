import { type LabelSource, labelSources } from "../contract/index.ts";

/** Whether a label of source `next` replaces one of source `known`: truth over human over origin, and the same anew. */
export function replaces(next: LabelSource, known: LabelSource): boolean {
  return labelSources.indexOf(next) <= labelSources.indexOf(known);
}

/** Whether a label of this source may judge and certify: the origin's would only measure agreement with it. */
export function mayJudge(source: LabelSource): boolean {
  return source !== "origin";
}
