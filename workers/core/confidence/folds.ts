import type { Fold, Instance, Split } from "../contract/index.ts";
import { hmacUnit } from "../hash.ts";

const trainShare = 0.6;
const tuneShare = 0.2;
const dayMs = 24 * 3600_000;

/** What keeps neighbours in one fold: the question itself, a field of its instance, or a block of time. */
export function splitKey(split: Split, question: { id: string; instance: Instance; at: number }): string {
  switch (split.by) {
    case "question":
      return question.id;
    case "field": {
      const value = Array.isArray(question.instance) ? undefined : question.instance[split.name];
      return value === undefined || value === null ? question.id : String(value);
    }
    case "time":
      return String(Math.floor(question.at / (split.days * dayMs)));
  }
}

/** Where a sample belongs: its fold, and of train the part that cross-validation leaves out together with it. */
export interface Deal {
  fold: Fold;
  part: number;
}

/** Parts of train that cross-validation leaves out in turn. */
export const trainParts = 3;

/** Deals a sample by HMAC, so that no caller can choose: 60 train, 20 tune, 20 certify. */
export async function deal(secret: string, region: string, key: string): Promise<Deal> {
  const unit = await hmacUnit(secret, `fold|${region}|${key}`);
  if (unit < trainShare) return { fold: "train", part: Math.floor((unit / trainShare) * trainParts) };
  return { fold: unit < trainShare + tuneShare ? "tune" : "certify", part: 0 };
}

/** The fold alone. */
export async function foldOf(secret: string, region: string, key: string): Promise<Fold> {
  return (await deal(secret, region, key)).fold;
}

/** Whether an accepted question is sent for a label anyway: a coin of its own. */
export async function isAudited(secret: string, id: string, share: number): Promise<boolean> {
  return share > 0 && (await hmacUnit(secret, `audit|${id}`)) < share;
}
