import type { GroupBy, Instance, Split } from "../contract/index.ts";
import { hmacUnit } from "../hash.ts";

const trainShare = 0.6;
const validationShare = 0.2;
const dayMs = 24 * 3600_000;

/** What keeps neighbours in one split: the question itself, a field of its instance, or a block of time. */
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

/** Where a sample belongs: its split, and of train the part that cross-validation leaves out together with it. */
export interface SplitAssignment {
  split: Split;
  fold: number;
}

/** Parts of train that cross-validation leaves out in turn. */
export const trainFolds = 3;

/** Deals a sample by HMAC, so that no caller can choose: 60 train, 20 validation, 20 certify. */
export async function assignSplit(secret: string, region: string, key: string): Promise<SplitAssignment> {
  const unit = await hmacUnit(secret, `fold|${region}|${key}`);
  if (unit < trainShare) return { split: "train", fold: Math.floor((unit / trainShare) * trainFolds) };
  return { split: unit < trainShare + validationShare ? "validation" : "calibration", fold: 0 };
}

/** The split alone. */
export async function splitOf(secret: string, region: string, key: string): Promise<Split> {
  return (await assignSplit(secret, region, key)).split;
}

/** Whether an accepted question is sent for a label anyway: a coin of its own. */
export async function isAudited(secret: string, id: string, share: number): Promise<boolean> {
  return share > 0 && (await hmacUnit(secret, `audit|${id}`)) < share;
}
