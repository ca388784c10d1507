import { join } from "node:path";
import * as z from "zod";
import { trainingProgressSchema } from "#core/contract/index.ts";
import { readIfPresent } from "../disk.ts";
import { epochSchema } from "../train/checkpoint.ts";

// What the program writes into a training's folder: upriver_torch/state.py and main.py.
const progressSchema = z.object({
  at: z.number(),
  fingerprint: z.string(),
  progress: trainingProgressSchema.omit({ network: true }),
});
const failureSchema = z.object({ fingerprint: z.string(), reason: z.string() });
const resultSchema = z.object({
  fingerprint: z.string(),
  history: z.array(epochSchema),
  seconds: z.number(),
  validationLoss: z.number().nullable(),
  isCutShort: z.boolean(),
  torch: z.string(),
  device: z.string(),
  precision: z.string(),
  processes: z.int(),
});
/** How far a training has come, and when it said so, in seconds since 1970. */
export type TorchProgress = z.infer<typeof progressSchema>;
/** The end of a training, without its weights. */
export type TorchResult = z.infer<typeof resultSchema>;

/** Reads how far the training in a folder has come; null before it says so, and for another training. */
export function readProgress(folder: string, fingerprint: string): Promise<TorchProgress | null> {
  return read(join(folder, "progress.json"), progressSchema, fingerprint);
}

/** Reads why the training in a folder failed; null unless it did. */
export async function readFailure(folder: string, fingerprint: string): Promise<string | null> {
  return (await read(join(folder, "failure.json"), failureSchema, fingerprint))?.reason ?? null;
}

/** Reads the result of the training in a folder; null before its end, and for another training. */
export function readResult(folder: string, fingerprint: string): Promise<TorchResult | null> {
  return read(join(folder, "result.json"), resultSchema, fingerprint);
}

async function read<T extends { fingerprint: string }>(
  path: string,
  schema: z.ZodType<T>,
  fingerprint: string,
): Promise<T | null> {
  const text = await readIfPresent(path);
  if (text === null) return null;
  const value = schema.safeParse(parsed(text.toString("utf8")));
  return value.success && value.data.fingerprint === fingerprint ? value.data : null;
}

// A mount may show a file before all of it has arrived.
function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
