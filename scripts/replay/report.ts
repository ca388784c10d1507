import type { Metrics, RungName } from "../../workers/core/contract/index.ts";
import { evaluate } from "../../workers/core/head/metrics.ts";

export const heads = ["global", "regional", "full"] as const;
export type HeadName = (typeof heads)[number];

/** A question that was played: its truth, who answered it, and what each head made of it. */
export interface Played {
  at: number;
  region: string;
  label: number;
  rung: RungName;
  scores: Partial<Record<HeadName, number[]>>;
}

export interface Summary {
  questions: number;
  heads: Partial<Record<HeadName, Metrics>>;
  /** The share of questions that each rung answered; open ones are a person's. */
  rungs: Record<RungName, number>;
}

export interface Report extends Summary {
  model: string;
  from: string;
  to: string;
  byYear: Record<string, Summary>;
  byRegion: Record<string, Summary>;
  retrains: Record<string, number>;
  seconds: number;
}

/** What a set of played questions comes to. */
export function summarise(played: readonly Played[]): Summary {
  const rungs: Record<RungName, number> = { edge: 0, region: 0, origin: 0, human: 0 };
  for (const { rung } of played) rungs[rung] += 1 / played.length;
  const evaluated = heads.flatMap((head) => {
    const known = played.filter(({ scores }) => scores[head] !== undefined);
    if (known.length === 0) return [];
    const metrics = evaluate(
      known.map(({ scores }) => scores[head] as number[]),
      known.map(({ label }) => label),
    );
    return [[head, metrics] as const];
  });
  return { questions: played.length, heads: Object.fromEntries(evaluated), rungs };
}

/** The same by a key, in the keys' order. */
export function summariseBy(played: readonly Played[], key: (question: Played) => string): Record<string, Summary> {
  const groups = [...Map.groupBy(played, key)].sort(([a], [b]) => a.localeCompare(b));
  return Object.fromEntries(groups.map(([name, group]) => [name, summarise(group)]));
}
