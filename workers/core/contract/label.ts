import * as z from "zod";

/** The sources of labels, strongest first. */
export const labelSources = ["truth", "human", "origin"] as const;
export const labelSourceSchema = z.enum(labelSources);
export type LabelSource = z.infer<typeof labelSourceSchema>;

/** A label as callers send it: a number may be one, or text. */
export const givenLabelSchema = z
  .union([z.string(), z.number()])
  .describe("A label; of a model of numbers, the number");

export const splitNames = ["train", "validation", "calibration"] as const;
export const splitSchema = z.enum(splitNames);
export type Split = z.infer<typeof splitSchema>;
