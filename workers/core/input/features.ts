import type { Column, FeaturesInput, Instance } from "../contract/index.ts";
import { describe } from "./describe.ts";
import type { InputContext, InputFault } from "./fault.ts";

/** The value of a column; arrays are not allowed. */
type Value = Exclude<Instance, unknown[]>[string];

type Fault = (path: string, expected: string, received: string) => void;

interface Layout {
  width: number;
  names: Set<string>;
}

// Computed once per input, which encodes every question of a model.
const layouts = new WeakMap<FeaturesInput, Layout>();

/** Returns the number of values that an instance is encoded to. */
export function featuresWidth(input: FeaturesInput): number {
  return layoutOf(input).width;
}

function layoutOf(input: FeaturesInput): Layout {
  const known = layouts.get(input);
  if (known) return known;
  const layout = {
    width: input.columns.reduce((sum, column) => sum + columnWidth(column), 0),
    names: new Set(input.columns.flatMap((column) => (column.type === "region" ? [] : [column.name]))),
  };
  layouts.set(input, layout);
  return layout;
}

/** Encodes an instance of named columns, or collects its faults. */
export function encodeFeatures(
  input: FeaturesInput,
  instance: Instance,
  context: InputContext,
  faults: InputFault[],
): Float32Array {
  const out = new Float32Array(featuresWidth(input));
  const fault: Fault = (path, expected, received) => faults.push({ path, expected, received });
  if (Array.isArray(instance)) {
    fault("", "an object of named columns", describe(instance));
    return out;
  }
  checkNames(input, instance, context, fault);
  let offset = 0;
  for (const column of input.columns) {
    if (column.type === "region") writeOneHot(out, offset, column.values.indexOf(context.region));
    else writeColumn(out, offset, column, instance[column.name] ?? null, fault);
    offset += columnWidth(column);
  }
  return out;
}

function checkNames(input: FeaturesInput, instance: object, context: InputContext, fault: Fault): void {
  const { names } = layoutOf(input);
  for (const name of Object.keys(instance)) {
    if (names.has(name) || context.extraColumns.includes(name)) continue;
    fault(name, `one of the columns ${[...names, ...context.extraColumns].join(", ")}`, `column '${name}'`);
  }
}

function columnWidth(column: Column): number {
  switch (column.type) {
    case "number":
      return 1;
    case "cycle":
      return 2;
    case "category":
      return column.vectors?.[0]?.length ?? column.values.length;
    case "region":
      return column.values.length;
  }
}

function writeColumn(
  out: Float32Array,
  offset: number,
  column: Exclude<Column, { type: "region" }>,
  value: Value,
  fault: Fault,
): void {
  if (column.type === "category") {
    writeCategory(out, offset, column, value, fault);
  } else if (value !== null && !isFloat32(value)) {
    fault(column.name, "a finite number or null", describe(value));
  } else if (column.type === "number") {
    out[offset] = ((value ?? column.missing ?? column.mean) - column.mean) / column.deviation;
    if (!Number.isFinite(out[offset])) {
      fault(column.name, `a number whose standard score is a finite float32`, describe(value));
    }
  } else if (value !== null) {
    const angle = (2 * Math.PI * value) / column.period;
    out.set([Math.sin(angle), Math.cos(angle)], offset);
  }
}

function writeCategory(
  out: Float32Array,
  offset: number,
  column: Extract<Column, { type: "category" }>,
  value: Value,
  fault: Fault,
): void {
  if (value === null) {
    if (column.missing) out.set(column.missing, offset);
    return;
  }
  const index = column.values.indexOf(String(value));
  if (typeof value === "number" || index < 0) {
    fault(column.name, `one of ${column.values.join(", ")}, or null`, describe(value));
  } else if (column.vectors) out.set(column.vectors[index] as number[], offset);
  else writeOneHot(out, offset, index);
}

function writeOneHot(out: Float32Array, offset: number, index: number): void {
  if (index >= 0) out[offset + index] = 1;
}

function isFloat32(value: unknown): value is number {
  return typeof value === "number" && Number.isFinite(Math.fround(value));
}
