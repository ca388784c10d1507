import type { TensorSpec } from "#core/contract/index.ts";
import type { LoadedModel, Tensor } from "#core/model/engine.ts";
import type { TfjsModelFiles } from "../files.ts";
import { layersIn } from "../refused/layer-places.ts";
import { onCpu } from "./backends.ts";
import { differenceOf, formatDifference, largestOf, tolerance } from "./difference.ts";
import { openModel } from "./engine-model.ts";
import type { Ranges } from "./input-ranges.ts";
import { type FirstDifference, firstDifference } from "./locate.ts";
import { openPlain } from "./open-plain.ts";
import { byTensor, randomInputs } from "./random-inputs.ts";

/** The inputs and outputs of a model that is checked. */
export interface Checked {
  inputs: readonly TensorSpec[];
  outputs: readonly Pick<TensorSpec, "name" | "tensor">[];
  ranges: Ranges;
}

/** One instance: its inputs by name, and the outputs that the reference computes. */
export interface ReferenceRow {
  inputs: Record<string, Tensor>;
  outputs: Tensor[];
}

/** How a model's answers compare with those of TensorFlow.js's CPU backend. */
export interface Check {
  rows: ReferenceRow[];
  /** The largest |a − b| / max(1, |b|); null when the reference has no finite value. */
  difference: number | null;
  /** What differs, and where first; null when nothing does. */
  fault: string | null;
  /** What is not a fault, but worth knowing. */
  notes: string[];
}

const rowsMax = 4;
/** A model whose first row takes the reference longer than this is checked on that row alone. */
const moreRowsWithinMs = 1_500;
/** What the reference may take where nobody asked for the check. */
const cheapMs = 5_000;
/** What the CPU backend needs for what the WASM backend computes in one unit of time, about. */
const cpuPerWasm = 60;

/** Checks a model on seeded inputs: the edge's engine against TensorFlow.js's CPU backend, one instance after another. */
export async function checkModel(files: TfjsModelFiles, checked: Checked): Promise<Check> {
  const rows = await referenceRows(files, checked);
  const model = await openModel(files);
  try {
    const found = rows.map(({ inputs }) => run(model, checked, inputs));
    const again = run(model, checked, (rows[0] as ReferenceRow).inputs);
    const difference = largestOf(rows.map((row, i) => rowDifference(found[i] as Tensor[], row)));
    const repeated = largestOf(again.map((tensor, i) => differenceOf(tensor, found[0]?.[i] as Tensor))) ?? 0;
    if (repeated > tolerance) {
      const fault = `it answers one question differently each time, by ${formatDifference(repeated)}: ${changing(files)}`;
      return { rows, difference, fault, notes: [] };
    }
    if (difference === null) {
      return {
        rows,
        difference,
        fault: null,
        notes: ["not checked: its answers to random inputs are not finite numbers"],
      };
    }
    const { fault, notes } = await explain(files, checked, rows, found);
    return { rows, difference, fault, notes };
  } finally {
    model.release();
  }
}

/** Checks a model as `checkModel` does if the reference takes a few seconds at most; returns null for a larger model. */
export async function checkIfCheap(files: TfjsModelFiles, checked: Checked): Promise<Check | null> {
  const model = await openModel(files);
  const inputs = randomInputs(checked.inputs, 1, { ranges: checked.ranges });
  let ms: number;
  try {
    run(model, checked, inputs);
    const startedAt = performance.now();
    run(model, checked, inputs);
    ms = performance.now() - startedAt;
  } finally {
    model.release();
  }
  return cpuPerWasm * ms > cheapMs ? null : checkModel(files, checked);
}

/** Compares answers computed elsewhere with the reference; `fault` is null when they agree. */
export function faultElsewhere(
  place: string,
  found: readonly Tensor[][],
  { outputs }: Checked,
  rows: readonly ReferenceRow[],
): { difference: number | null; fault: string | null } {
  const worst = worstOutput(outputs, rows, found);
  const difference = largestOf(rows.map((row, i) => rowDifference(found[i] as Tensor[], row)));
  const fault = worst
    ? `in ${place} its output '${worst.name}' differs from TensorFlow.js's CPU backend by ${formatDifference(worst.difference)}`
    : null;
  return { difference, fault };
}

function changing({ kind, modelJson }: TfjsModelFiles): string {
  const stateful = kind === "tfjs-layers-model" ? layersIn(modelJson.modelTopology) : [];
  const names = stateful.filter(({ config }) => config.stateful === true).map(({ name }) => `'${name}'`);
  return names.length > 0
    ? `state is kept between questions in ${names.join(", ")}. Build the model with stateful=False, and export it again`
    : "it draws at random. Export it for inference, without dropout or sampling";
}

async function referenceRows(files: TfjsModelFiles, { inputs, outputs, ranges }: Checked): Promise<ReferenceRow[]> {
  const model = await openPlain(
    files,
    outputs.map(({ tensor }) => tensor),
  );
  try {
    return await onCpu(() => {
      const rows: ReferenceRow[] = [];
      const startedAt = performance.now();
      while (rows.length < rowsMax && (rows.length === 0 || performance.now() - startedAt < moreRowsWithinMs)) {
        const given = randomInputs(inputs, 1, { seed: rows.length + 1, ranges });
        rows.push({ inputs: given, outputs: model.run(inputs.map(({ name }) => given[name] as Tensor)) });
      }
      return rows;
    });
  } finally {
    model.release();
  }
}

function run(model: LoadedModel, { inputs, outputs }: Checked, given: Record<string, Tensor>): Tensor[] {
  return model.run(
    byTensor(inputs, given),
    outputs.map(({ tensor }) => tensor),
  );
}

function rowDifference(found: readonly Tensor[], { outputs }: ReferenceRow): number | null {
  return largestOf(outputs.map((reference, i) => differenceOf(found[i] as Tensor, reference)));
}

interface WorstOutput {
  name: string;
  row: number;
  difference: number;
}

function worstOutput(
  outputs: Checked["outputs"],
  rows: readonly ReferenceRow[],
  found: readonly Tensor[][],
): WorstOutput | null {
  const all = rows.flatMap((reference, row) =>
    outputs.map(({ name }, i) => {
      const difference = differenceOf(found[row]?.[i] as Tensor, reference.outputs[i] as Tensor);
      return { name, row, difference: difference ?? 0 };
    }),
  );
  return all.filter(({ difference }) => difference > tolerance).sort((a, b) => b.difference - a.difference)[0] ?? null;
}

async function explain(
  files: TfjsModelFiles,
  checked: Checked,
  rows: readonly ReferenceRow[],
  found: readonly Tensor[][],
): Promise<Pick<Check, "fault" | "notes">> {
  const worst = worstOutput(checked.outputs, rows, found);
  if (!worst) return { fault: null, notes: [] };
  const { inputs } = rows[worst.row] as ReferenceRow;
  const first = await firstDifference(
    files,
    checked.outputs.map(({ tensor }) => tensor),
    checked.inputs.map(({ name }) => inputs[name] as Tensor),
  );
  const of = `its output '${worst.name}' differs from TensorFlow.js's CPU backend by ${formatDifference(worst.difference)}`;
  if (first && !first.isOwn && first.isWhole) {
    const note = `${of}, since values at '${first.name}' (${first.operation}) are nearly equal and rounding decides between them`;
    return { fault: null, notes: [note] };
  }
  return { fault: `${of}; ${placeOf(first, files)}`, notes: [] };
}

function placeOf(first: FirstDifference | null, { kind }: TfjsModelFiles): string {
  const what = kind === "tfjs-graph-model" ? "node" : "layer";
  if (!first) return `no ${what} alone differs. Serve it at the origin, and report it with the model`;
  const place = `'${first.name}' (${first.operation})`;
  const by = formatDifference(first.difference);
  return first.isOwn
    ? `the first ${what} that differs is ${place}, by ${by}: the edge's backend computes it wrongly. Replace it in the model ` +
        "and export it again, or serve the model at the origin"
    : `rounding grows beyond ${tolerance} first at the ${what} ${place}, by ${by}, though each ${what} alone is right. Scale ` +
        "the model's inputs as in its training, or serve it at the origin";
}
