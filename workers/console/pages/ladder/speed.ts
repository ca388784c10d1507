import { useRef } from "preact/hooks";
import type { Ladder } from "#client/index.ts";

/** Returns the questions per second of each model over the last few polls. */
export function useSpeed(ladder: Ladder | null): Map<string, number> {
  const polls = useRef<Ladder[]>([]);
  if (ladder && polls.current.at(-1) !== ladder) polls.current = [...polls.current.slice(-5), ladder];
  const [first] = polls.current;
  const last = polls.current.at(-1);
  if (!first || !last || last.at === first.at) return new Map();
  return new Map(
    last.models.flatMap(({ model, questions }) => {
      const before = first.models.find((one) => one.model === model);
      return before ? [[model, Math.max(0, questions - before.questions) / ((last.at - first.at) / 1_000)]] : [];
    }),
  );
}
