import type { SecondOpinion } from "#core/confidence/opinion.ts";
import type { Answer } from "#core/contract/index.ts";
import { type Task, taskOf } from "#core/task/index.ts";
import type { Manifests } from "../artefacts.ts";
import type { Certificates } from "../labels/certificates.ts";
import { type Questions, questionOf } from "../tables/questions.ts";
import type { PlannedLabels, TrialRow } from "../tables/trials.ts";
import { mayPass, type NextRung } from "./next-rung.ts";

/** Questions about which one step asks. */
const batchSize = 128;
const retryMs = 60_000;

/** What asking for opinions reads and changes. */
interface OpinionNeeds {
  region: string;
  nodeId: string;
  stamp: () => Promise<string>;
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
    const { region, nodeId, stamp, nextRung, questions, manifests } = this.needs;
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
    const remainingMs = nextRung.timeoutMs(manifest);
    const passed = { via: [nodeId], stamps: [await stamp()] };
    const hop = { owner: "", remainingMs, ...passed, trace: false, provisional: true };
    const asked = known.map(({ question: { audit: _, ...question } }) => question);
    const replies = new Map((await nextRung.ask(manifest, asked, hop, "opinion")).map((reply) => [reply.id, reply]));
    // One that may still come is asked for again.
    const ended = known.filter(({ trial }) => {
      const { answer = null, error = null } = replies.get(trial.id) ?? {};
      return answer !== null || (error !== null && !mayPass(error));
    });
    this.record(ended.map(({ trial }) => [trial, opinionOn(task, trial, replies.get(trial.id)?.answer ?? null)]));
    // A person still needs the instance of a question whose label is planned.
    if (!keepInputs) for (const { trial } of ended) if (!trial.planned) questions.dropInput(trial.id);
    return ended.length === known.length;
  }

  private record(found: readonly (readonly [TrialRow, SecondOpinion | null])[]): void {
    const { certificates, transaction } = this.needs;
    transaction(() => {
      for (const [{ id }, opinion] of found) certificates.recordOpinion(id, opinion);
    });
  }
}

function opinionOn(task: Task, { prediction }: TrialRow, answer: Answer | null): SecondOpinion | null {
  const score = answer ? task.scoreOf(answer.scores, prediction) : null;
  return answer === null || score === null ? null : { agrees: task.isRight(answer.label, prediction), score };
}
