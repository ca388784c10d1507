import type { SecondOpinion } from "#core/confidence/opinion.ts";
import type { Answer } from "#core/contract/index.ts";
import { nextRungTimeoutMs, RungUnavailableError } from "#core/rung/rung.ts";
import { type Task, taskOf } from "#core/task/index.ts";
import type { Manifests } from "../artefacts.ts";
import type { Certificates } from "../labels/certificates.ts";
import { type Questions, questionOf } from "../tables/questions.ts";
import type { PlannedLabels, TrialRow } from "../tables/trials.ts";
import type { NextRung } from "./next-rung.ts";

/** Questions about which one step asks. */
const batchSize = 128;
const retryMs = 60_000;

/** What asking for opinions reads and changes. */
interface OpinionNeeds {
  region: string;
  nodeId: string;
  nextRung: NextRung;
  manifests: Pick<Manifests, "get">;
  questions: Pick<Questions, "find" | "dropInput">;
  trials: Pick<PlannedLabels, "awaitingOpinion">;
  certificates: Pick<Certificates, "recordOpinion">;
  transaction: <T>(work: () => T) => T;
}

/** Asks the rung above what it thinks of answers that were accepted: an opinion helps to certify, and is never a label. */
export class Opinions {
  private readonly needs: OpinionNeeds;

  constructor(needs: OpinionNeeds) {
    this.needs = needs;
  }

  /** The job `opinions`: asks about questions that wait for an opinion, and gives up on those that waited too long. */
  async askDue(): Promise<number | null> {
    const waiting = this.needs.trials.awaitingOpinion(batchSize);
    if (waiting.length === 0) return null;
    const now = Date.now();
    this.record(waiting.filter(({ opinionDueAt }) => (opinionDueAt as number) <= now).map((trial) => [trial, null]));
    const due = waiting.filter(({ opinionDueAt }) => (opinionDueAt as number) > now);
    for (const [base, trials] of Map.groupBy(due, (trial) => trial.base)) {
      if (!(await this.ask(base, trials))) return now + retryMs;
    }
    return Date.now();
  }

  /** Asks about the questions of one version. Returns whether the rung above answered. */
  private async ask(base: number, trials: readonly TrialRow[]): Promise<boolean> {
    const { region, nodeId, nextRung, questions, manifests } = this.needs;
    const manifest = await manifests.get(base);
    const task = taskOf(manifest);
    const { keepInputs } = manifest.policy;
    const known = trials.flatMap((trial) => {
      const row = questions.find(trial.id);
      return row?.instance ? [{ trial, question: questionOf(row, region) }] : [];
    });
    const isKnown = new Set(known.map(({ trial }) => trial.id));
    this.record(trials.filter(({ id }) => !isKnown.has(id)).map((trial) => [trial, null]));
    if (known.length === 0) return true;
    const hop = { owner: "", remainingMs: nextRungTimeoutMs, via: [nodeId], trace: false, provisional: true };
    try {
      const asked = known.map(({ question: { audit: _, ...question } }) => question);
      const answers = new Map((await nextRung.ask(asked, hop)).map((answer) => [answer.id, answer]));
      this.record(known.map(({ trial }) => [trial, opinionOn(task, trial, answers.get(trial.id))]));
      // A person still needs the instance of a question whose label is planned.
      if (!keepInputs) for (const { trial } of known) if (!trial.planned) questions.dropInput(trial.id);
      return true;
    } catch (error) {
      if (!(error instanceof RungUnavailableError)) throw error;
      return false;
    }
  }

  private record(found: readonly (readonly [TrialRow, SecondOpinion | null])[]): void {
    const { certificates, transaction } = this.needs;
    transaction(() => {
      for (const [{ id }, opinion] of found) certificates.recordOpinion(id, opinion);
    });
  }
}

function opinionOn(task: Task, { prediction }: TrialRow, answer: Answer | undefined): SecondOpinion | null {
  const score = answer ? task.scoreOf(answer.scores, prediction) : null;
  return answer === undefined || score === null ? null : { agrees: task.isRight(answer.label, prediction), score };
}
