import * as z from "zod";
import { inputSchema } from "#core/contract/index.ts";
import type { Recipe, WeightType } from "../recipes/index.ts";
import { type CalibratedNetwork, calibrateNetwork, holdOut } from "../train/calibrate.ts";
import { planInput } from "../train/columns.ts";
import { type Dataset, encodeRows } from "../train/dataset.ts";
import { estimateEscalation } from "../train/escalation.ts";
import { chooseExamples } from "../train/examples.ts";
import type { Artefact } from "../train/index.ts";
import { withBins } from "../train/numbers.ts";
import type { Blobs } from "../train/pack.ts";
import { packRegionalParts } from "../train/regional-parts.ts";
import { countsOf } from "../train/rows.ts";
import type { RowsBySplit } from "../train/splits.ts";
import { importNetwork } from "./network.ts";

/** How instances become the networks' inputs, as `upriver export` writes it. */
export const inputsSchema = z.strictObject({ full: inputSchema.optional(), thin: inputSchema });
export type Inputs = z.infer<typeof inputsSchema>;

export interface ImportOptions {
  /** Paths of the networks' model.json files. */
  thin: string;
  full: string | null;
  /** The inputs that the networks were trained with; the recipe's, fitted on the training rows, unless given. */
  inputs?: Inputs | undefined;
  /** How the thin network's weights are stored; unchanged unless given. */
  weights?: WeightType | undefined;
}

/**
 * Creates a version from networks that were trained elsewhere: labels, policy and risk are the recipe's, and both networks
 * are certified on its held-out rows.
 */
export async function importModel(given: Recipe, splits: RowsBySplit, options: ImportOptions): Promise<Artefact> {
  const recipe = withBins(given, splits.train);
  const blobs: Blobs = new Map();
  const take = async (name: "full" | "thin", path: string, weights?: WeightType): Promise<ImportedNetwork> => {
    const input = options.inputs?.[name] ?? planInput(recipe[name].input, splits.train);
    const packed = await importNetwork(path, input, recipe.labels.length, blobs, weights);
    const heldOut = holdOut(recipe, input, splits);
    return { ...(await calibrateNetwork(recipe, packed, blobs, heldOut)), calibration: heldOut.calibration };
  };
  const full = options.full === null ? null : await take("full", options.full);
  const thin = await take("thin", options.thin, options.weights);
  const data = encodeRows(recipe, thin.spec.input, splits.train);
  return {
    draft: {
      format: "upriver/2",
      model: recipe.name,
      task: recipe.task,
      labels: recipe.labels,
      ...(recipe.number ? { number: recipe.number } : {}),
      thin: thin.spec,
      full: full?.spec ?? null,
      ...(await packRegionalParts(thin.spec, blobs, data, thin.calibration)),
      policy: recipe.policy,
      splits: splits.splits,
      ...(full ? { escalation: estimateEscalation(recipe, splits, { thin, full }) } : {}),
      metrics: { thin: thin.metrics, full: full?.metrics ?? null },
      trainedOn: countsOf(splits.train),
      examples: chooseExamples(recipe, splits.calibration, thin, full),
    },
    blobs,
  };
}

interface ImportedNetwork extends CalibratedNetwork {
  calibration: Dataset;
}
