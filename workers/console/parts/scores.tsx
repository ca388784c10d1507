import type { Opinion } from "#client/index.ts";
import { percent } from "#core/format.ts";
import { Bar } from "./bar.tsx";

const shown = 4;

/** The labels with the highest scores. */
export function Scores({ scores }: Pick<Opinion, "scores">) {
  const best = Object.entries(scores)
    .sort(([, a], [, b]) => b - a)
    .slice(0, shown);
  return (
    <ul class="scores">
      {best.map(([label, score]) => (
        <li key={label}>
          <span>{label}</span> <Bar share={score} /> <span class="number">{percent(score)}</span>
        </li>
      ))}
    </ul>
  );
}
