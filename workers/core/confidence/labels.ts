import { type LabelSource, labelSources } from "../contract/index.ts";

/** Tells whether a label of source `next` replaces one of source `known`: truth over human over origin, and equals. */
export function replaces(next: LabelSource, known: LabelSource): boolean {
  return labelSources.indexOf(next) <= labelSources.indexOf(known);
}

/** Where a label comes from, and whether its token is trusted. Labels of the origin have no token, and count as trusted. */
export interface LabelOrigin {
  source: LabelSource;
  trusted: boolean;
}

/**
 * Tells whether a label replaces a known one. One that is not trusted never replaces a trusted one of the world or of a
 * person, and gives way to each; otherwise the sources decide.
 */
export function replacesLabel(next: LabelOrigin, known: LabelOrigin): boolean {
  const isSure = ({ source, trusted }: LabelOrigin) => trusted && source !== "origin";
  return isSure(next) === isSure(known) ? replaces(next.source, known.source) : isSure(next);
}

/** Tells whether labels of a source may evaluate and certify. The origin's would only measure agreement with the origin. */
export function mayJudge(source: LabelSource): boolean {
  return source !== "origin";
}
