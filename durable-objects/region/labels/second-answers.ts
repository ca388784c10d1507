import type { ClassifyManifest, Question } from "#core/contract/index.ts";
import { loadNetwork, type Network, type ReadBlob } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { isListed } from "#core/region.ts";
import { ModelRung, type RegionalServing } from "#core/rung/model-rung.ts";
import { InvalidQuestionsError, nextRungTimeoutMs } from "#core/rung/rung.ts";
import { taskOf } from "#core/task/index.ts";
import type { RegistryApi } from "#objects/registry/api.ts";
import type { Remote } from "#objects/stubs.ts";
import { type Manifests, ofBackbone, readHead } from "../artefacts.ts";
import type { Mutex } from "../mutex.ts";
import type { CanaryAnswers, DuePair, OtherAnswer } from "../tables/canary-answers.ts";
import type { CanaryHeads, HeadInForce } from "../tables/canary-heads.ts";
import { type Questions, questionOf } from "../tables/questions.ts";

/** How long labels wait for others, so that one load of a network answers many. */
export const secondAnswerDelayMs = 1_000;
/** Second answers that one step computes. */
const batchSize = 64;
/** How often a step is tried before its questions are left out of the comparison. */
const secondAnswerTries = 6;

/** What computing second answers reads and changes. */
interface SecondAnswerNeeds {
  region: string;
  registry: () => Pick<Remote<RegistryApi>, "headPointer">;
  manifests: Pick<Manifests, "get">;
  questions: Pick<Questions, "find" | "dropInput">;
  canary: Pick<CanaryAnswers, "due" | "otherOf" | "setOther" | "setObstacle">;
  canaryHeads: Pick<CanaryHeads, "get">;
  readBlob: ReadBlob;
  mutex: Mutex;
  transaction: <T>(work: () => T) => T;
}

/** Computes what the version of a canary that did not serve a labelled question would have answered. No caller sees it. */
export class SecondAnswers {
  private readonly needs: SecondAnswerNeeds;
  private loaded: { version: number; network: Network } | null = null;

  constructor(needs: SecondAnswerNeeds) {
    this.needs = needs;
  }

  /** The job `second-answers`: computes a batch. What fails at every attempt is left out of the comparison, and counted. */
  step(attempts: number): Promise<number | null> {
    return this.needs.mutex.run(async () => {
      const { canary, transaction } = this.needs;
      const due = canary.due(batchSize);
      const [first] = due;
      const other = first === undefined ? null : canary.otherOf(first.base);
      if (first === undefined || other === null) {
        this.release();
        return null;
      }
      try {
        await this.answer(other, first.otherRevision, due);
      } catch (error) {
        this.release();
        if (attempts + 1 < secondAnswerTries) throw error;
        const line = { event: "second-answers-failed", version: other, ids: due.map(({ id }) => id) };
        console.error(JSON.stringify({ ...line, error: String(error) }));
        transaction(() => {
          for (const one of due) this.leaveOut(one, "failure");
        });
      }
      return Date.now();
    });
  }

  private async answer(version: number, revision: number, due: readonly DuePair[]): Promise<void> {
    const { region, manifests, questions, canary, transaction } = this.needs;
    const manifest = await manifests.get(version);
    const serving = await this.servingOf(manifest, revision);
    const network = await this.networkOf(manifest);
    // Both versions are judged by the tolerance of the one that served.
    const task = taskOf(await manifests.get((due[0] as DuePair).base));
    const rung = new ModelRung({ name: "edge", manifest, network, servingOf: () => serving });
    const known = due.flatMap((one) => {
      const row = questions.find(one.id);
      return row?.instance ? [{ one, question: questionOf(row, region) }] : [];
    });
    const answers = await answersOf(
      rung,
      known.map(({ question }) => question),
    );
    transaction(() => {
      for (const [i, { one }] of known.entries()) {
        const answer = answers[i] as OtherAnswer | null;
        if (answer === null) this.leaveOut(one, "input");
        else {
          canary.setOther(task, one.id, answer);
          this.dropBorrowed(one);
        }
      }
      const isKnown = new Set(known.map(({ one }) => one.id));
      for (const one of due) if (!isKnown.has(one.id)) this.leaveOut(one, "instance");
    });
  }

  /** Returns the head and rule that the edge would have served the version by, when the questions were asked. */
  private async servingOf(manifest: ClassifyManifest, revision: number): Promise<RegionalServing> {
    const { region, registry, canaryHeads, readBlob } = this.needs;
    const { version, policy } = manifest;
    const own = canaryHeads.get(version, revision);
    let { head, rule }: HeadInForce = own;
    // An opened region is served by its parent's head until it has its own.
    if (head === null && !isListed(policy.regions, region)) {
      const parent = await registry().headPointer(version, policy.regions.parent);
      head = parent.head;
      rule = own.rule ?? parent.rule;
    }
    head = ofBackbone(manifest, head);
    return { head: head && { manifest: head, weights: await readHead(readBlob, head.head) }, rule };
  }

  private async networkOf(manifest: ClassifyManifest): Promise<Network> {
    const { version, thin } = manifest;
    if (this.loaded?.version !== version) {
      this.release();
      this.loaded = { version, network: await loadNetwork(servingEngine, thin, this.needs.readBlob) };
    }
    return this.loaded.network;
  }

  private leaveOut(one: DuePair, obstacle: Parameters<CanaryAnswers["setObstacle"]>[1]): void {
    this.needs.canary.setObstacle(one.id, obstacle);
    this.dropBorrowed(one);
  }

  private dropBorrowed({ id, isBorrowed }: DuePair): void {
    if (isBorrowed) this.needs.questions.dropInput(id);
  }

  private release(): void {
    this.loaded?.network.release();
    this.loaded = null;
  }
}

/** Returns a rung's answer to each question; null where a question does not fit its input. */
async function answersOf(rung: ModelRung, questions: readonly Question[]): Promise<(OtherAnswer | null)[]> {
  const unfit = new Set<Question>();
  for (;;) {
    const fit = questions.filter((question) => !unfit.has(question));
    if (fit.length === 0) return questions.map(() => null);
    try {
      const hop = { owner: "", remainingMs: nextRungTimeoutMs, via: [], trace: false };
      const replies = await rung.ask(fit, hop);
      const answers = new Map(
        replies.map(({ answer, inference }, i) => {
          return [fit[i], { prediction: answer.label, accepted: inference?.().accepted ?? answer.accepted }] as const;
        }),
      );
      return questions.map((question) => answers.get(question) ?? null);
    } catch (error) {
      if (!(error instanceof InvalidQuestionsError)) throw error;
      for (const { index } of error.faults) unfit.add(fit[index] as Question);
    }
  }
}
