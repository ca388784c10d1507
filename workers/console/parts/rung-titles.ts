import type { RungName } from "#client/index.ts";

/** The rungs as people call them. */
export const rungTitles: Readonly<Record<RungName, string>> = {
  human: "Person",
  origin: "Origin",
  region: "Region",
  edge: "Edge",
};
