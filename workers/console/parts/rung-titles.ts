import type { RungName } from "#client/index.ts";

/** Display names of the rungs. */
export const rungTitles: Readonly<Record<RungName, string>> = {
  human: "Person",
  origin: "Origin",
  region: "Region",
  edge: "Edge",
};
