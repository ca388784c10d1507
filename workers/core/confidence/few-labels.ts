import type { Split } from "../contract/index.ts";
import { calibrationGroups, trainFolds, usualCuts } from "./splits.ts";

/**
 * Until a region has so many labels, all of them train and cross-fitting judges: with fewer, calibration would have less than
 * the 40 groups that a test over groups needs.
 */
const leastLabels = Math.round(calibrationGroups / (1 - usualCuts.validation));
/** Of each class: with more classes, so many labels say less. */
const labelsOfClass = 40;
/** A cross-fit of more labels would take minutes of an object's time. */
const mostLabels = 2_000;

/** The folds of a region with few labels: those of train, then validation and calibration as a fold each. */
export const crossFitFolds = trainFolds + 2;

/** Returns the number of labels from which on a region with so many classes sets a part of them aside. */
export function fewLabelsBelow(classes: number): number {
  return Math.min(mostLabels, Math.max(leastLabels, labelsOfClass * classes));
}

/**
 * Returns the fold of the sums and of cross-fitting that a sample is in. Folds are whole splits or parts of train, which are made
 * of whole groups, so that no group is in two of them.
 */
export function crossFitFold({ split, fold }: { split: Split; fold: number }): number {
  return split === "train" ? fold : split === "validation" ? trainFolds : trainFolds + 1;
}
