import { parquetWriteBuffer } from "hyparquet-writer";
import type { Sample } from "./read-samples.ts";

/** Makes a file of samples, one JSON object a line. */
export function ndjsonOf(samples: readonly Sample[]): Blob {
  return new Blob(
    samples.map((sample) => `${JSON.stringify(sample)}\n`),
    { type: "application/x-ndjson" },
  );
}

/** Makes a Parquet file of samples, with a column for each column of their instances. Pictures and tensors are JSON text. */
export function parquetOf(samples: readonly Sample[]): Blob {
  const named = (instance: Sample["instance"]) =>
    instance !== null && !Array.isArray(instance) ? (instance as Record<string, unknown>) : {};
  const names = [...new Set(samples.flatMap(({ instance }) => Object.keys(named(instance))))];
  const fields = names.map((name) => {
    const values = samples.map(({ instance }) => named(instance)[name] ?? null);
    const isNumber = values.every((value) => value === null || typeof value === "number");
    return isNumber
      ? { name, type: "DOUBLE" as const, data: values }
      : { name, type: "STRING" as const, data: values.map((value) => (value === null ? null : textOf(value))) };
  });
  // Underscores keep the sample's own columns apart from those of its instance.
  const nameOf = (name: string): string => (names.includes(name) ? nameOf(`_${name}`) : name);
  const whole = samples.some(({ instance }) => Array.isArray(instance))
    ? [
        {
          name: nameOf("_instance"),
          type: "STRING" as const,
          data: samples.map(({ instance }) => JSON.stringify(instance)),
        },
      ]
    : [];
  const texts = ["id", "region", "label", "source", "split"] as const;
  const own = texts.map((name) => ({
    ...{ name: nameOf(`_${name}`), type: "STRING" as const },
    data: samples.map((sample) => sample[name]),
  }));
  const times = (["at", "labelledAt"] as const).map((name) => ({
    ...{ name: nameOf(`_${name}`), type: "TIMESTAMP" as const },
    data: samples.map((sample) => new Date(sample[name])),
  }));
  const buffer = parquetWriteBuffer({ columnData: [...fields, ...whole, ...own, ...times] });
  return new Blob([buffer], { type: "application/vnd.apache.parquet" });
}

/** Saves a file from the page. */
export function save(file: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
