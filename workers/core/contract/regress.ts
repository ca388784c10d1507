import * as z from "zod";

/**
 * The bins whose scores a model of numbers predicts. Inside a bin its mass is spread evenly. The end bins are open: they take
 * every number beyond, and their mass falls off exponentially from the inner edge to the outer one.
 */
export const binsSchema = z
  .strictObject({
    /** The least training target, the edges between bins, the greatest training target: one more than there are bins. */
    edges: z.array(z.number()).min(3),
    /** The scales of the exponential end bins, the lower one first, in the unit of the numbers. */
    tails: z.tuple([z.number().positive(), z.number().positive()]),
    /** The standard deviation of a soft label, in bins. Sums count by it, so it never changes for a backbone. */
    sigma: z.number().nonnegative(),
    /** For each bin the only number that it stands for, such as 0 where many targets are 0; null for other bins. */
    atoms: z.array(z.number().nullable()).optional(),
  })
  .refine(({ edges }) => edges.every((edge, i) => i === 0 || edge > (edges[i - 1] as number)), "edges must increase.")
  .refine(({ edges, atoms }) => !atoms || atoms.length === edges.length - 1, "atoms must have one entry for each bin.")
  .meta({ id: "Bins" });
export type Bins = z.infer<typeof binsSchema>;

/** What a model of numbers has beside the fields of a classifier, whose labels are then the names of its bins. */
export const numberTaskSchema = z
  .strictObject({
    bins: binsSchema,
    /** How far an answer may be from the truth: an error is |value − truth| > tolerance. */
    tolerance: z.number().positive(),
    /** The share of truths that intervals are to cover. */
    coverage: z.number().gt(0).lt(1),
    /** What the numbers count, such as "°C"; for display. */
    unit: z.string().max(32).optional(),
  })
  .meta({ id: "NumberTask" });
export type NumberTask = z.infer<typeof numberTaskSchema>;

/** How the distributions that a head predicts are read. Each head has its own. */
export const readingSchema = z
  .strictObject({
    /** The calibration of the mass within the tolerance, as an event: logit p = offset + slope · logit(mass). */
    within: z.strictObject({ offset: z.number(), slope: z.number().positive() }),
    /** Half an interval's probability: it is from quantile ½ − reach to quantile ½ + reach. Null: too few groups for one. */
    reach: z.number().nonnegative().lt(0.5).nullable(),
  })
  .meta({ id: "Reading" });
export type Reading = z.infer<typeof readingSchema>;

/** What an answer of a model of numbers has beside its label, which is `value` as text. */
export const numberAnswerFields = {
  /** The median of the predicted distribution. */
  value: z.number().optional(),
  /** Its mean. */
  mean: z.number().optional(),
  /**
   * Low and high end. Over all questions of new groups it covers `intervalCoverage` of the truths: marginally, which
   * promises nothing for one region or one kind of question.
   */
  interval: z.tuple([z.number(), z.number()]).optional(),
  intervalCoverage: z.number().optional(),
  /** How far `value` may be from the truth without being an error; `confidence` is the probability that it is not further. */
  tolerance: z.number().optional(),
  unit: z.string().optional(),
};

/** How far values are from the truth, in the unit of the numbers. */
export const numberMetricsSchema = z.strictObject({
  /** The mean absolute error of values. */
  mae: z.number(),
  /** The root mean squared error of means. */
  rmse: z.number(),
  /** The share of truths in their interval, and the mean length of intervals; null without intervals. */
  interval: z.strictObject({ coverage: z.number(), length: z.number() }).nullable(),
});
export type NumberMetrics = z.infer<typeof numberMetricsSchema>;
