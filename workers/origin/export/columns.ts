import type { BasicType } from "hyparquet-writer";
import type { Input, NamedColumn } from "#core/contract/index.ts";
import { encode } from "#core/input/index.ts";
import { own } from "#core/own.ts";
import type { WeightedRow } from "../train/dataset.ts";
import type { Part } from "../train/splits.ts";

/** A row of the training set and its split. */
export interface ExportRow {
  row: WeightedRow;
  split: Part;
}

/** A column of the exported table. */
export interface ExportColumn {
  name: string;
  type: BasicType;
  nullable: boolean;
  /** What it holds, for the reader of `dataset.json`. */
  description: string;
  read: (row: ExportRow) => unknown;
}

const commonColumns: ExportColumn[] = [
  column("label", "STRING", "label of the instance", ({ row }) => row.label),
  column("region", "STRING", "region of the question", ({ row }) => row.region),
  column(
    "split",
    "STRING",
    "train, validation (for model selection and early stopping), calibration or latest (do not train or select on either)",
    ({ split }) => split,
  ),
  column("weight", "FLOAT", "weight of the row in training", ({ row }) => row.weight ?? 1),
  column(
    "source",
    "STRING",
    "label source: base (the recipe's own data), truth, human or origin",
    ({ row }) => row.source ?? "base",
  ),
  {
    ...column("labelledBy", "STRING", "token that gave the label, where it is known", ({ row }) => row.labelledBy),
    nullable: true,
  },
  column(
    "trusted",
    "BOOLEAN",
    "whether that token was trusted; other labels only train",
    ({ row }) => !row.isUntrusted,
  ),
  column("askedAt", "TIMESTAMP", "time of the question", ({ row }) => new Date(row.at)),
];

/** Lists the table's columns: those of the instance by name, or its bytes for an image or a tensor; then label and the rest. */
export function exportColumns(input: Input): ExportColumn[] {
  return [...instanceColumns(input), ...commonColumns];
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
      const description = `float32 little-endian, ${input.shape.join("×")}, scaled for the network's input`;
      return [column("values", "BYTE_ARRAY", description, ({ row }) => valuesOf(input, row))];
    }
  }
}

const columnKinds: Record<NamedColumn["type"], BasicType> = {
  number: "DOUBLE",
  cycle: "DOUBLE",
  boolean: "BOOLEAN",
  date: "STRING",
  category: "STRING",
  hashed: "STRING",
  text: "STRING",
};

function featureColumn({ type, name }: NamedColumn): ExportColumn {
  const kind = columnKinds[type];
  const read = ({ row }: ExportRow) => {
    const value = Array.isArray(row.instance) ? null : (own(row.instance, name) ?? null);
    return kind === "STRING" && value !== null ? String(value) : value;
  };
  return { ...column(name, kind, type, read), nullable: true };
}

function pixelsOf({ instance }: WeightedRow): Uint8Array {
  return Uint8Array.from((instance as unknown[]).flat(2) as number[]);
}

function valuesOf(input: Input, { instance, region }: WeightedRow): Uint8Array {
  const encoded = encode(input, instance, { region });
  if (!encoded.ok) throw new Error(`A row does not match the input: it must be ${encoded.error[0]?.expected}.`);
  return new Uint8Array(encoded.value.buffer);
}

function column(name: string, type: BasicType, description: string, read: ExportColumn["read"]): ExportColumn {
  return { name, type, nullable: false, description, read };
}
