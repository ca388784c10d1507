import type { NamedTensor, NumberArray } from "../tensor.ts";

/**
 * Formats the `count` largest numbers of each row, in descending order, as "value:index" or "value:index:label". Candidates
 * are the only labels that may be among them.
 */
export function classified(
  { name, shape, data }: NamedTensor,
  labels: readonly string[],
  count: number,
  candidates: readonly string[] = labels,
): NamedTensor {
  const [rows = 0] = shape;
  const classes = data.length / rows;
  const allowed = Array.from({ length: classes }, (_, i) => i).filter(
    (i) => !labels[i] || candidates.includes(labels[i]),
  );
  const kept = Math.min(count, allowed.length);
  const texts = Array.from({ length: rows }, (_, row) => {
    const values = data.slice(row * classes, (row + 1) * classes) as number[] | NumberArray;
    const best = allowed.toSorted((a, b) => (values[b] as number) - (values[a] as number));
    return best
      .slice(0, kept)
      .map((index) => [values[index], index, labels[index]].slice(0, labels[index] ? 3 : 2).join(":"));
  });
  return { name, datatype: "BYTES", shape: [rows, kept], data: texts.flat() };
}
