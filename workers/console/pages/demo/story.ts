import type { Demo } from "#core/demo.ts";
import { percent } from "#core/format.ts";
import type { DemoRound } from "./play.ts";
import type { RunningDemo } from "./running.ts";

/** Says in a sentence or two what happens now, or what has happened. */
export function storyOf(demo: Demo, { step, status }: Pick<RunningDemo, "step" | "status">): string {
  const { stage, rounds, regions } = step;
  const own = regions.filter(({ head }) => head !== null).length;
  const valid = regions.filter(({ certificate }) => certificate?.status === "valid");
  if (status === "failed") return "The demo has ended early.";
  if (status === "stopped") return `Stopped. ${summaryOf(demo, rounds, valid.length, regions.length)}`;
  if (status === "done") return `Done. ${summaryOf(demo, rounds, valid.length, regions.length)}`;
  if (stage === "forgetting") return "The regions forget what they learned before.";
  if (stage === "retraining") {
    return "Each region trains a head on its labels. It serves the head only if labels that were held out show that it is better.";
  }
  if (own === 0) {
    return "The edge answers what its network is sure of, the same in each region. The origin's larger network answers the rest. The labels that follow are what the regions learn from.";
  }
  const [first] = valid;
  if (!first?.certificate) {
    return `${own} of ${regions.length} regions have a head of their own, so the edge accepts more there. Certificates are pending: they count the labels of accepted questions.`;
  }
  const { confidence, targetRisk } = first.certificate;
  return `${valid.length} of ${regions.length} regions have a valid certificate: with ${percent(confidence)} confidence, at most ${percent(targetRisk)} of the edge's answers there are wrong. ${own} have a head of their own.`;
}

function summaryOf({ retrainEvery }: Demo, rounds: readonly DemoRound[], valid: number, regions: number): string {
  if (rounds.length < 2 * retrainEvery) return "The regions keep what they have learned.";
  const first = shareOf(rounds.slice(0, retrainEvery));
  const last = shareOf(rounds.slice(-retrainEvery));
  return `The edge answered ${percent(first)} of the first ${retrainEvery} rounds and ${percent(last)} of the last ${retrainEvery}. ${valid} of ${regions} regions have a valid certificate; the others need more labels.`;
}

function shareOf(rounds: readonly DemoRound[]): number {
  const sum = (of: (round: DemoRound) => number) => rounds.reduce((total, round) => total + of(round), 0);
  return sum(({ byEdge }) => byEdge) / sum(({ asked }) => asked);
}
