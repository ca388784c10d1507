import type { BasicType } from "hyparquet-writer";
import type { Column, Input, Split } from "#core/contract/index.ts";
import { encode } from "#core/input/index.ts";
import type { WeightedRow } from "../train/dataset.ts";

/** A row of the training set, and the part of it that it belongs to. */
export interface ExportRow {
  row: WeightedRow;
  split: Split;
}

/** A column of the exported table. */
export interface ExportColumn {
  name: string;
  type: BasicType;
  nullable: boolean;
  /** What it holds, for whoever reads it. */
  says: string;
  read: (row: ExportRow) => unknown;
}

const facts: ExportColumn[] = [
  column("label", "STRING", "the class", ({ row }) => row.label),
  column("region", "STRING", "whose question it was", ({ row }) => row.region),
  column(
    "split",
    "STRING",
    "train, validation (choose and stop early by it) or certify (touch it last)",
    ({ split }) => split,
  ),
  column("weight", "FLOAT", "what the row weighs in training", ({ row }) => row.weight ?? 1),
  column("source", "STRING", "base, truth, human or origin", ({ row }) => row.source ?? "base"),
  column("askedAt", "TIMESTAMP", "data time", ({ row }) => new Date(row.at)),
];

/** The table's columns: the instance's own, by name, or as bytes where it is an image or a tensor; then what is known of it. */
export function exportColumns(input: Input): ExportColumn[] {
  return [...instanceColumns(input), ...facts];
}

function instanceColumns(input: Input): ExportColumn[] {
  switch (input.kind) {
    case "features":
      return input.columns.flatMap((own) => (own.type === "region" ? [] : [featureColumn(own)]));
    case "image": {
      const shape = `${input.size.join("×")}×${input.channels}`;
      return [column("pixels", "BYTE_ARRAY", `uint8, ${shape}, row by row`, ({ row }) => pixelsOf(row))];
    }
    case "tensor": {
      const says = `float32 little-endian, ${input.shape.join("×")}, scaled as the network takes it`;
      return [column("values", "BYTE_ARRAY", says, ({ row }) => valuesOf(input, row))];
    }
  }
}

function featureColumn({ type, name }: Exclude<Column, { type: "region" }>): ExportColumn {
  const read = ({ row }: ExportRow) => (Array.isArray(row.instance) ? null : (row.instance[name] ?? null));
  const isText = type === "category";
  return { ...column(name, isText ? "STRING" : "DOUBLE", type, read), nullable: true };
}

function pixelsOf({ instance }: WeightedRow): Uint8Array {
  return Uint8Array.from((instance as unknown[]).flat(2) as number[]);
}

function valuesOf(input: Input, { instance, region }: WeightedRow): Uint8Array {
  const encoded = encode(input, instance, { region, extraColumns: [] });
  if (!encoded.ok) throw new Error(`Error in exportSet: a row does not fit the input: ${encoded.error[0]?.expected}`);
  return new Uint8Array(encoded.value.buffer);
}

function column(name: string, type: BasicType, says: string, read: ExportColumn["read"]): ExportColumn {
  return { name, type, nullable: false, says, read };
}
