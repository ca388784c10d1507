import * as z from "zod";

/** Where a label came from, from strongest to weakest. */
export const labelSources = ["truth", "human", "origin"] as const;
export const labelSourceSchema = z.enum(labelSources);
export type LabelSource = z.infer<typeof labelSourceSchema>;

export const folds = ["train", "tune", "certify"] as const;
export const foldSchema = z.enum(folds);
export type Fold = z.infer<typeof foldSchema>;
