import type { FeaturesInput, Instance, NamedColumn } from "../contract/index.ts";
import { columnWidth, describeColumn, writeColumn } from "./columns.ts";
import { describe } from "./describe.ts";
import type { InputContext, InputFault } from "./fault.ts";

interface Layout {
  width: number;
  names: Set<string>;
  named: NamedColumn[];
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
  const named = input.columns.filter((column) => column.type !== "region");
  const layout = {
    width: input.columns.reduce((sum, column) => sum + widthOf(column), 0),
    names: new Set(named.map(({ name }) => name)),
    named,
  };
  layouts.set(input, layout);
  return layout;
}

/** Returns the number of values of a column, which may be the region's. */
export function widthOf(column: FeaturesInput["columns"][number]): number {
  return column.type === "region" ? column.values.length : columnWidth(column);
}

/** Encodes an instance of named columns, or collects its faults. */
export function encodeFeatures(
  input: FeaturesInput,
  instance: Instance,
  context: InputContext,
  faults: InputFault[],
): Float32Array {
  const out = new Float32Array(featuresWidth(input));
  if (Array.isArray(instance)) {
    faults.push({ path: "", expected: "an object of named columns", received: describe(instance) });
    return out;
  }
  const { named } = layoutOf(input);
  if (!input.mayBeEmpty && !named.some(({ name }) => Object.hasOwn(instance, name))) {
    faults.push(...named.map((column) => missingFault(column)));
    return out;
  }
  let offset = 0;
  for (const column of input.columns) {
    const end = offset + widthOf(column);
    if (column.type === "region") writeOneHot(out, offset, column.values.indexOf(context.region));
    else {
      const value = instance[column.name] ?? null;
      const expected = writeColumn(column, value, out, offset);
      if (expected !== null) {
        const isMissing = value === null || value === "";
        faults.push(isMissing ? missingFault(column) : { path: column.name, expected, received: describe(value) });
      }
    }
    offset = end;
  }
  return out;
}

/** Lists the fields of an instance that are no columns of the input, nor among the extra ones. */
export function unknownFields(input: FeaturesInput, instance: Instance, extraColumns: readonly string[]): string[] {
  const { names } = layoutOf(input);
  return Object.keys(instance).filter((name) => !names.has(name) && !extraColumns.includes(name));
}

/** Describes the columns of an input and what each takes. */
export function describeColumns(input: FeaturesInput): string {
  return layoutOf(input)
    .named.map((column) => `${column.name}: ${describeColumn(column)}${column.required ? "" : " or null"}`)
    .join("; ");
}

function missingFault(column: NamedColumn): InputFault {
  return { path: column.name, expected: describeColumn(column), received: "nothing" };
}

function writeOneHot(out: Float32Array, offset: number, index: number): void {
  if (index >= 0) out[offset + index] = 1;
}
