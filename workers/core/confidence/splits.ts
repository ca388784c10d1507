import type { GroupBy, Instance, Split } from "../contract/index.ts";
import { hmacUnit } from "../hash.ts";

const trainShare = 0.6;
const validationShare = 0.2;
const dayMs = 24 * 3600_000;

/** Determines a question's group key: its id, a field of its instance, or its block of time. */
export function groupKeyOf(groupBy: GroupBy, question: { id: string; instance: Instance; at: number }): string {
  switch (groupBy.by) {
    case "question":
      return question.id;
    case "field": {
      const value = Array.isArray(question.instance) ? undefined : question.instance[groupBy.name];
      return value === undefined || value === null ? question.id : String(value);
    }
    case "time":
      return String(Math.floor(question.at / (groupBy.days * dayMs)));
  }
}

/** A sample's split, and its cross-validation fold if the split is train. */
export interface SplitAssignment {
  split: Split;
  fold: number;
}

/** The number of folds of train in cross-validation. */
export const trainFolds = 3;

/** Assigns a sample to a split by HMAC, which no caller can influence: 60% train, 20% validation, 20% calibration. */
export async function assignSplit(secret: string, region: string, key: string): Promise<SplitAssignment> {
  return splitAt(await hmacUnit(secret, splitText(region, key)));
}

/** The text whose HMAC, as a number in [0, 1), decides the split of a region's samples with a group key. */
export function splitText(region: string, key: string): string {
  return `fold|${region}|${key}`;
}

/** Returns the split at a number in [0, 1). */
export function splitAt(unit: number): SplitAssignment {
  if (unit < trainShare) return { split: "train", fold: Math.floor((unit / trainShare) * trainFolds) };
  return { split: unit < trainShare + validationShare ? "validation" : "calibration", fold: 0 };
}

/** Returns the split of `assignSplit`. */
export async function splitOf(secret: string, region: string, key: string): Promise<Split> {
  return (await assignSplit(secret, region, key)).split;
}

/** Tells whether an accepted question is audited: a coin by HMAC, independent of the splits. */
export async function isAudited(secret: string, id: string, share: number): Promise<boolean> {
  return share > 0 && (await hmacUnit(secret, `audit|${id}`)) < share;
}
