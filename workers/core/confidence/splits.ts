import type { GroupBy, Instance, Split, SplitCuts, Splits } from "../contract/index.ts";
import { hmacUnit } from "../hash.ts";
import { own } from "../own.ts";

/** A version's splits, unless it says otherwise: 60% train, 20% validation, 20% calibration. */
export const usualCuts: SplitCuts = { train: 0.6, validation: 0.8 };
/** Of texts: each row shows n-grams that no other has, so more of them train, and fewer select. */
export const textCuts: SplitCuts = { train: 0.7, validation: 0.8 };
/** The groups that calibration needs, so that a test over groups says something. */
export const calibrationGroups = 40;
/** The least number of groups of which some are held out whole. Fewer are split by content, which certifies nothing. */
export const wholeGroups = 8;
/** With fewer groups than this, the shares of the splits are exact. */
const exactBelow = 20;
const calibrationMaxShare = 0.5;
/** Of what calibration leaves, the share that trains. */
const trainOfRest = 0.75;
const dayMs = 24 * 3600_000;

/** What a group key is made of; only the part that it is made of is read. */
export interface Keyed {
  readonly id: string;
  readonly instance: Instance;
  readonly at: number;
  /** The hash of the instance, in canonical form. */
  readonly content: string;
}

/** Determines a question's group key: its id, its content, a field of its instance, or its block of time. */
export function groupKeyOf(groupBy: GroupBy, question: Keyed): string {
  switch (groupBy.by) {
    case "question":
      return question.id;
    case "content":
      return question.content;
    case "field": {
      const { instance } = question;
      const value = Array.isArray(instance) ? undefined : own(instance, groupBy.name);
      return value === undefined || value === null ? question.content : String(value);
    }
    case "time":
      return blockOf(groupBy.days, question.at);
  }
}

/** Returns how the samples of a version's regions are split. Versions that were trained earlier do not say. */
export function splitsOf({ splits }: { splits?: Splits | undefined }, secret: string): Splits {
  return splits ?? { key: secret, cuts: usualCuts };
}

/** Names the block of time that a moment lies in. */
export function blockOf(days: number, at: number): string {
  return String(Math.floor(at / (days * dayMs)));
}

/** A sample's split, and its cross-validation fold if the split is train. */
export interface SplitAssignment {
  split: Split;
  fold: number;
}

/** The number of folds of train in cross-validation. */
export const trainFolds = 3;

/** The text whose HMAC, as a number in [0, 1), decides the split of all samples with a group key, in whatever region. */
export function splitText(groupKey: string): string {
  return `split|${groupKey}`;
}

/** Returns the split at a number in [0, 1). */
export function splitAt(unit: number, cuts: SplitCuts = usualCuts): SplitAssignment {
  if (unit < cuts.train) return { split: "train", fold: Math.floor((unit / cuts.train) * trainFolds) };
  return { split: unit < cuts.validation ? "validation" : "calibration", fold: 0 };
}

/** Assigns all samples with a group key to one split, by HMAC: the same at the origin and in every region. */
export function assignSplit({ key, cuts }: Splits, groupKey: string): SplitAssignment {
  return splitAt(hmacUnit(key, splitText(groupKey)), cuts);
}

/** Assigns a sample of a region with few groups, by its content: to train or validation, since it can certify nothing. */
export function assignByContent({ key }: Pick<Splits, "key">, content: string): SplitAssignment {
  return splitAt(hmacUnit(key, splitText(content)), { train: trainOfRest, validation: 1 });
}

/** The group key of a sample that was assigned by its content: its own group, and the content. */
export function contentKey(groupKey: string, content: string): string {
  return `${groupKey}|${content}`;
}

/** Tells whether a group key is that of a sample that was assigned by its content. */
export function isContentKey(groupKey: string): boolean {
  return /\|[0-9a-f]{64}$/.test(groupKey);
}

/** Returns the group key of a sample without what `contentKey` added: its own group. */
export function wholeGroupKey(groupKey: string): string {
  return isContentKey(groupKey) ? groupKey.slice(0, groupKey.lastIndexOf("|")) : groupKey;
}

/** How groups are divided, and whether calibration has enough of them. */
export interface GroupDivision {
  cuts: SplitCuts;
  calibration: number;
  isEnough: boolean;
}

/**
 * Chooses where the splits divide groups, given the number in [0, 1) of each. Fewer than 20 groups are divided in the order
 * of their numbers, to exact shares. Otherwise calibration grows until it has 40 groups, up to half of all; where half
 * of all are fewer, nothing can be certified and the shares stay the usual ones.
 */
export function divideGroups(units: readonly number[], usualOf: SplitCuts = usualCuts): GroupDivision {
  const sorted = [...units].sort((a, b) => a - b);
  const n = sorted.length;
  const countFrom = (cut: number) => sorted.filter((unit) => unit >= cut).length;
  // The middle between two groups, so that rounding moves none.
  const cutAfter = (count: number) =>
    count <= 0 ? 0 : count >= n ? 1 : ((sorted[count - 1] as number) + (sorted[count] as number)) / 2;
  if (n > 0 && n < exactBelow) {
    const calibration = Math.round((1 - usualOf.validation) * n);
    const train = Math.max(1, Math.round(usualOf.train * n));
    return { cuts: { train: cutAfter(train), validation: cutAfter(n - calibration) }, calibration, isEnough: false };
  }
  const usual = countFrom(usualOf.validation);
  if (usual >= calibrationGroups) return { cuts: usualOf, calibration: usual, isEnough: true };
  if (calibrationGroups > calibrationMaxShare * n) return { cuts: usualOf, calibration: usual, isEnough: false };
  const validation = cutAfter(n - calibrationGroups);
  return { cuts: { train: trainOfRest * validation, validation }, calibration: calibrationGroups, isEnough: true };
}

/**
 * Returns the block of time that a question's label reaches into, where that is not its own block: the label is known
 * `gapDays` after the question. Such a row stands in a gap unless both blocks are in one split.
 */
export function nextBlockOf(groupBy: GroupBy, at: number, gapDays: number): string | null {
  if (groupBy.by !== "time" || gapDays === 0) return null;
  const next = blockOf(groupBy.days, at + gapDays * dayMs);
  return next === blockOf(groupBy.days, at) ? null : next;
}
