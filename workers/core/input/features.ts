import type { FeaturesInput, Instance, NamedColumn } from "../contract/index.ts";
import { own } from "../own.ts";
import { columnWidth, describeColumn, writeColumn } from "./columns.ts";
import { describe } from "./describe.ts";
import type { InputContext, InputFault } from "./fault.ts";

type Column = FeaturesInput["columns"][number];

/** A column of an instance with its offset in a row. */
interface Place {
  name: string;
  column: NamedColumn;
  at: number;
  /** How a number becomes its one value; null where a column takes more than that. */
  plain: { mean: number; deviation: number } | null;
}

interface Layout {
  width: number;
  names: Set<string>;
  named: NamedColumn[];
  /** Each column with its offset in a row. */
  places: { column: Column; at: number }[];
  /** Those with a name, in the order in which the input lists them. */
  listed: Place[];
  parts: InputPart[];
}

/** An input of the network: its shape, and the number of buckets if it holds a text's n-grams, for an embedding bag. */
export interface InputPart {
  shape: number[];
  buckets: number | null;
}

// Computed once per input, which encodes every question of a model.
const layouts = new WeakMap<FeaturesInput, Layout>();

/** Lists the inputs of the network: the values of all columns but n-grams, if there are any, then each text's n-grams. */
export function featureParts(input: FeaturesInput): readonly InputPart[] {
  return layoutOf(input).parts;
}

/** Finds the values of a row that encode its region; null where the region is no input. */
export function regionPlace(input: FeaturesInput): { offset: number; width: number } | null {
  const found = layoutOf(input).places.find(({ column }) => column.type === "region");
  return found ? { offset: found.at, width: widthOf(found.column) } : null;
}

function layoutOf(input: FeaturesInput): Layout {
  const known = layouts.get(input);
  if (known) return known;
  const named = input.columns.filter((column) => column.type !== "region");
  const texts = input.columns.filter(isNgrams);
  const places: Layout["places"] = [];
  let width = 0;
  const place = (column: Column) => {
    places.push({ column, at: width });
    width += widthOf(column);
  };
  for (const column of input.columns) if (!isNgrams(column)) place(column);
  const plain: InputPart[] = width > 0 ? [{ shape: [width], buckets: null }] : [];
  for (const text of texts) place(text);
  const atOf = (column: Column) => places.find((one) => one.column === column)?.at as number;
  const listed = named.map((column): Place => {
    return { name: column.name, column, at: atOf(column), plain: plainOf(column) };
  });
  const layout: Layout = {
    ...{ width, named, places, listed, names: new Set(named.map(({ name }) => name)) },
    parts: [...plain, ...texts.map(({ buckets, terms }) => ({ shape: [2, terms], buckets }))],
  };
  layouts.set(input, layout);
  return layout;
}

function plainOf(column: NamedColumn): Place["plain"] {
  if (column.type !== "number" || column.clip || column.log || column.knots) return null;
  return { mean: column.mean, deviation: column.deviation };
}

/** Whether a column is a text that is encoded as n-grams. */
function isNgrams(column: Column): column is Extract<Column, { type: "text" }> & { terms: number } {
  return column.type === "text" && column.terms !== undefined;
}

/** Returns the number of values of a column, which may be the region's. */
export function widthOf(column: Column): number {
  return column.type === "region" ? column.values.length : columnWidth(column);
}

/** Encodes an instance of named columns to `out` from `start` on, or collects its faults. */
export function encodeFeatures(
  input: FeaturesInput,
  instance: Instance,
  context: InputContext,
  faults: InputFault[],
  out: Float32Array,
  start: number,
): void {
  const { named, width, places, listed } = layoutOf(input);
  if (Array.isArray(instance)) {
    faults.push({ path: "", expected: "an object of named columns", received: describe(instance) });
    return;
  }
  const isWritten = writeListed(listed, instance, out, start);
  if (!isWritten) {
    out.fill(0, start, start + width);
    if (!input.mayBeEmpty && !named.some(({ name }) => Object.hasOwn(instance, name))) {
      faults.push(...named.map((column) => missingFault(column)));
      return;
    }
  }
  for (const { column, at } of places) {
    if (column.type === "region") writeOneHot(out, start + at, column.values.indexOf(context.region));
    else if (!isWritten) writeNamed(column, own(instance, column.name) ?? null, faults, out, start + at);
  }
}

type Fields = Exclude<Instance, unknown[]>;

/** Writes an instance that has every column in its order and nothing else, as most have. Returns whether it is one that fits. */
function writeListed(listed: readonly Place[], instance: Fields, out: Float32Array, start: number): boolean {
  let i = 0;
  for (const key in instance) {
    const place = listed[i++];
    if (place?.name !== key) return false;
    const value = instance[key] as Fields[string];
    if (place.plain && typeof value === "number") {
      const scaled = (value - place.plain.mean) / place.plain.deviation;
      if (!Number.isFinite(Math.fround(value)) || !Number.isFinite(Math.fround(scaled))) return false;
      out[start + place.at] = scaled;
    } else if (writeColumn(place.column, value, out, start + place.at) !== null) return false;
  }
  return i === listed.length && i > 0;
}

function writeNamed(
  column: NamedColumn,
  value: Fields[string],
  faults: InputFault[],
  out: Float32Array,
  at: number,
): void {
  const expected = writeColumn(column, value, out, at);
  if (expected === null) return;
  const isMissing = value === null || value === "";
  faults.push(isMissing ? missingFault(column) : { path: column.name, expected, received: describe(value) });
}

/** Lists the fields of an instance that are no columns of the input, nor among the extra ones. */
export function unknownFields(input: FeaturesInput, instance: Instance, extraColumns: readonly string[]): string[] {
  const { names, listed } = layoutOf(input);
  const unknown: string[] = [];
  let i = 0;
  for (const name in instance as Fields) {
    // Most instances have the columns in their order.
    if (listed[i++]?.name !== name && !names.has(name) && !extraColumns.includes(name)) unknown.push(name);
  }
  return unknown;
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
