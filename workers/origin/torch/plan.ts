import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type * as tf from "@tensorflow/tfjs-core";
import type { TrainingSet } from "../train/batches.ts";
import type { Dataset } from "../train/dataset.ts";
import type { FitOptions } from "../train/fit.ts";
import type { Trainable } from "../train/trainable.ts";
import { writeDataset } from "./arrays.ts";
import { writeNpy } from "./npy.ts";
import type { TorchSettings } from "./settings.ts";

/** What is to be trained. */
export interface TorchOrder {
  name: string;
  fingerprint: string;
  train: TrainingSet;
  validation: Dataset;
  /** With its initial weights. */
  network: Trainable;
  options: FitOptions;
  settings: Pick<TorchSettings, "device" | "precision">;
}

/** Writes the arrays and the plan of a training into `root`; returns the plan's folder. */
export async function writePlan(root: string, order: TorchOrder): Promise<string> {
  const { name, fingerprint, train, validation, network, options, settings } = order;
  const { data, classes, teacher, classWeights } = train;
  const { form, plan, start, until } = options;
  const folder = join(root, name);
  await mkdir(folder, { recursive: true });
  // Else an earlier training's would be taken for this one's.
  for (const file of ["stop", "failure.json", "progress.json", "result.json"])
    await rm(join(folder, file), { force: true });
  const rows = await writeDataset(root, data, classes);
  const held = await writeDataset(root, validation, classes);
  if (teacher) await writeNpy(join(folder, "teacher.npy"), [data.rows, classes], [teacher]);
  const weights = await weightsOf(network);
  await writeNpy(join(folder, "start.npy"), [sizeOf(weights)], weights);
  if (start) await writeMasks(join(folder, "masks.npy"), network, start.masks);
  const { kind, layers, members = 1 } = form;
  const { shapes, buckets = shapes.map(() => null), regionColumns, regionCount } = data;
  const { variables, kernels } = network;
  const document = {
    format: "upriver-torch/1",
    ...{ name, fingerprint },
    network: {
      ...{ kind, layers, members: kind === "ensemble" ? members : 1, shapes, buckets, classes },
      variables: variables.map(({ shape }) => shape),
      kernels: variables.map((variable) => kernels.includes(variable)),
    },
    training: plan,
    train: `../${rows}`,
    validation: `../${held}`,
    teacher: teacher ? "teacher.npy" : null,
    classWeights: classWeights ? Array.from(classWeights) : null,
    ...{ regionCount, regionColumns: regionColumns && [regionColumns.offset, regionColumns.width] },
    start: "start.npy",
    masks: start ? "masks.npy" : null,
    saveEverySeconds: (options.checkpoints?.saveEveryMs ?? usualSaveMs) / 1_000,
    until: until ?? null,
    ...settings,
  };
  const path = join(folder, "plan.json");
  await writeFile(`${path}.part`, JSON.stringify(document));
  await rename(`${path}.part`, path);
  return folder;
}

const usualSaveMs = 15_000;

/** Reads a network's variables, then the tables of its bags. */
async function weightsOf({ variables, bags = [] }: Trainable): Promise<Float32Array[]> {
  const values = await Promise.all(variables.map((variable) => variable.data<"float32">()));
  return [...values, ...bags.map((bag) => bag.values)];
}

async function writeMasks(path: string, { variables }: Trainable, masks: readonly (tf.Tensor | null)[]): Promise<void> {
  const parts = await Promise.all(
    variables.map(async ({ size }, i) => {
      const mask = await masks[i]?.data();
      return mask ? Uint8Array.from(mask) : new Uint8Array(size).fill(1);
    }),
  );
  await writeNpy(path, [sizeOf(parts)], parts);
}

function sizeOf(parts: readonly { length: number }[]): number {
  return parts.reduce((sum, { length }) => sum + length, 0);
}
