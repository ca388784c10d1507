import { useRef } from "preact/hooks";
import type { Ladder } from "#client/index.ts";

/** Questions a second of each model, over the last few looks. */
export function useSpeed(ladder: Ladder | null): Map<string, number> {
  const looks = useRef<Ladder[]>([]);
  if (ladder && looks.current.at(-1) !== ladder) looks.current = [...looks.current.slice(-5), ladder];
  const [first] = looks.current;
  const last = looks.current.at(-1);
  if (!first || !last || last.at === first.at) return new Map();
  return new Map(
    last.models.flatMap(({ model, questions }) => {
      const before = first.models.find((one) => one.model === model);
      return before ? [[model, Math.max(0, questions - before.questions) / ((last.at - first.at) / 1_000)]] : [];
    }),
  );
}
