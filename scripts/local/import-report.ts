import { formatDifference } from "#origin/import/check/difference.ts";
import type { Inspection } from "#origin/import/inspect.ts";
import type { Cost } from "../probe/index.ts";
import { formatTable } from "./output.ts";

/** A model that was imported; `refused` says why the edge cannot serve it. */
export interface ImportedModel {
  model: string;
  path: string;
  /** Null when the model could not be read. */
  inspection: Inspection | null;
  /** The largest |a − b| / max(1, |b|) from TensorFlow.js's CPU backend, here and in workerd; null when it is not known. */
  difference: number | null;
  cost: Cost | null;
  nodeMs: number | null;
  recipe: string | null;
  notes: string[];
  refused: string | null;
}

/** Describes an imported model in lines of text. */
export function describeImport({ inspection, ...rest }: ImportedModel): string {
  const { model, path, difference, cost, nodeMs, recipe, notes, refused } = rest;
  const refusal = refused === null ? [] : [`The edge cannot serve it: ${refused}.`];
  if (!inspection) return [`${model}:`, ...refusal].join("\n");
  const { kind, operations, inputs, outputs, batch, bytes, embedding } = inspection;
  const counted = Object.entries(operations).map(([operation, count]) => `${count} ${operation}`);
  const specs = (all: Inspection["inputs"]) =>
    all.map(({ name, shape, dtype }) => `${name} ${dtype} [${shape}]`).join(", ");
  const lines = [`${model}: ${kind} with ${counted.join(", ")}`];
  if (inputs.length > 0) {
    lines.push(
      `inputs ${specs(inputs)}; outputs ${specs(outputs)}; ${batch ? "batched" : "one instance at a time"}`,
      `difference ${formatDifference(difference)} from TensorFlow.js's CPU backend`,
    );
  }
  if (cost) {
    lines.push(
      `weights ${megabytes(bytes.weights)} stored, ${megabytes(bytes.expanded)} in memory; peak of tensors ` +
        `${megabytes(bytes.peak)}; WASM heap ${megabytes(cost.heap)}`,
      `${cost.ms.toFixed(2)} ms per instance in workerd, ${nodeMs?.toFixed(2)} ms in Node, on this machine`,
    );
  }
  lines.push(...notes.map((note) => `Note: ${note}.`), ...refusal);
  if (refused !== null) return lines.join("\n");
  if (embedding) {
    lines.push(
      `embedding: '${embedding.tensor}', ${embedding.width} values; to teach it your own labels: ` +
        `npx upriver create <name> --base ${path} --cut ${embedding.tensor} --labels <a,b,…>`,
    );
  }
  return [...lines, `Next: npx upriver publish ${recipe}`].join("\n");
}

/** Lists imported models in a table, a row each, and below it what to know of some. */
export function tableOfImports(models: readonly ImportedModel[]): string {
  const header = [
    ...["model", "kind", "difference", "operations", "bytes", "peak of tensors", "WASM heap", "ms in workerd"],
    ...["ms in Node", "recipe"],
  ];
  const rows = models.map(({ model, inspection, difference, cost, nodeMs, recipe, refused }) => [
    model,
    inspection ? inspection.kind.replace("tfjs-", "").replace("-model", "") : null,
    difference === null ? null : formatDifference(difference),
    inspection ? Object.keys(inspection.operations).length : null,
    inspection?.bytes.weights ?? null,
    inspection?.bytes.peak || null,
    cost?.heap ?? null,
    cost ? cost.ms.toFixed(2) : null,
    nodeMs === null ? null : nodeMs.toFixed(2),
    recipe ?? `refused: ${refused}`,
  ]);
  const notes = models.flatMap(({ model, notes }) => notes.map((note) => `${model}: ${note}.`));
  return [formatTable([header, ...rows]), ...notes].join("\n");
}

/** Formats a number of bytes for people. */
export function megabytes(bytes: number): string {
  return bytes < 1e5 ? `${(bytes / 1e3).toFixed(1)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}
