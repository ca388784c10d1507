import type { Tensor } from "../tensor.ts";

/** Scores as the `count` best classes of each row, best first, as "score:index:label". */
export function classified({ name, shape, data }: Tensor, labels: readonly string[], count: number): Tensor {
  const [rows = 0] = shape;
  const kept = Math.min(count, labels.length);
  const texts = Array.from({ length: rows }, (_, row) => {
    const scores = data.slice(row * labels.length, (row + 1) * labels.length) as number[];
    const best = [...scores.keys()].sort((a, b) => (scores[b] as number) - (scores[a] as number));
    return best.slice(0, kept).map((index) => `${scores[index]}:${index}:${labels[index]}`);
  });
  return { name, datatype: "BYTES", shape: [rows, kept], data: texts.flat() };
}
