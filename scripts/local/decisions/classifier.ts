import { tokenBuckets, tokensOf } from "./tokens.ts";

/** An option and what describes it. */
export interface DoubleOption {
  value: string;
  description: string | null;
}

/** What one set of labels was learned from. */
interface Learned {
  labels: string[];
  /** Rows of each label, and how often each token occurs in them. */
  rows: number[];
  counts: Float32Array[];
  totals: number[];
}

/** Between texts that share no word and texts that are the same. */
const similarityScale = 12;
/** Laplace's pseudo-count of a token. */
const smoothing = 0.05;

/**
 * A small classifier of anything as text. Labels that it has rows of are told apart by naive Bayes over hashed words, whose
 * probabilities are too sure of themselves, as those of large models are; others by the words that state and option share.
 */
export class DoubleClassifier {
  private readonly learned: Learned[] = [];

  /** Learns a set of labels from labelled states. */
  learn(labels: readonly string[], rows: readonly { state: unknown; label: string }[]): void {
    const place = new Map(labels.map((label, i) => [label, i]));
    const counts = labels.map(() => new Float32Array(tokenBuckets));
    const seen = labels.map(() => 0);
    for (const { state, label } of rows) {
      const c = place.get(label);
      if (c === undefined) continue;
      seen[c] = (seen[c] as number) + 1;
      const own = counts[c] as Float32Array;
      for (const token of tokensOf(state)) own[token] = (own[token] as number) + 1;
    }
    const totals = counts.map((own) => own.reduce((sum, n) => sum + n, 0));
    this.learned.unshift({ labels: [...labels], rows: seen, counts, totals });
  }

  /** Returns the probability of each option, in their order. */
  distribution(state: unknown, options: readonly DoubleOption[]): number[] {
    const known = this.learned.find(({ labels }) => options.every(({ value }) => labels.includes(value)));
    const tokens = tokensOf(state);
    const logits = known
      ? options.map(({ value }) => likelihood(known, known.labels.indexOf(value), tokens))
      : options.map(({ value, description }) => {
          return (
            similarityScale * similarity(tokens, tokensOf(`${value.replaceAll(/[_-]/g, " ")} ${description ?? ""}`))
          );
        });
    return softmaxOf(logits);
  }

  /** Returns the probability that a statement about a state, or a label of it, holds. */
  truthOf(state: unknown, statement: string): number {
    const known = this.learned.find(({ labels }) => labels.includes(statement));
    if (known) {
      const options = known.labels.map((value) => ({ value, description: null }));
      return this.distribution(state, options)[known.labels.indexOf(statement)] as number;
    }
    return (softmaxOf([similarityScale * similarity(tokensOf(state), tokensOf(statement)), 1]) as [number, number])[0];
  }
}

function likelihood({ rows, counts, totals }: Learned, c: number, tokens: readonly number[]): number {
  const own = counts[c] as Float32Array;
  const total = Math.log((totals[c] as number) + smoothing * tokenBuckets);
  const start = Math.log((rows[c] as number) + 1);
  return tokens.reduce((sum, token) => sum + Math.log((own[token] as number) + smoothing) - total, start);
}

function similarity(a: readonly number[], b: readonly number[]): number {
  const [x, y] = [new Set(a), new Set(b)];
  const both = [...x].filter((token) => y.has(token)).length;
  return both / Math.sqrt(Math.max(1, x.size) * Math.max(1, y.size));
}

function softmaxOf(logits: readonly number[]): number[] {
  const top = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp(logit - top));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
