import type { Instance } from "#core/contract/index.ts";
import { seededRandom } from "#origin/random.ts";
import { benchWidths } from "./widths.ts";

/** The region that learns in the retrain benchmark. */
export const region = "weur";

/** A labelled question of the benchmark's model. */
export interface LabelledExample {
  label: string;
  question: { id: string; region: string; instance: Instance };
}

/** Makes examples from a fixed rule with 10% wrong labels; the same each time. */
export function labelledExamples(model: string, n: number): LabelledExample[] {
  const random = seededRandom(5);
  return Array.from({ length: n }, (_, i) => {
    const values = Array.from({ length: benchWidths[0] }, () => Math.round(2_000 * (random() - 0.5)) / 1_000);
    const [a = 0, b = 0, c = 0] = values;
    const isYes = a + b > c !== random() < 0.1;
    const instance = Object.fromEntries(values.map((value, x) => [`x${x}`, value]));
    return { label: isYes ? "yes" : "no", question: { id: `${model}~${region}~${i}`, region, instance } };
  });
}
