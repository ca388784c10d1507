import type { Answer, ClassifyManifest, Question, TraceEntry } from "../../workers/core/contract/index.ts";
import { limits } from "../../workers/core/limits.ts";
import { HttpRung } from "../../workers/core/rung/http-rung.ts";
import { type Hop, RungUnavailableError } from "../../workers/core/rung/rung.ts";
import { reviewObject } from "../stubs.ts";
import { thoughtOf } from "./answers.ts";
import { Breaker } from "./breaker.ts";
import type { RegionContext } from "./context.ts";
import { keepSample } from "./keep-sample.ts";
import { questionOf } from "./questions.ts";
import { settle } from "./settle.ts";

const batchSize = 256;

/** How questions leave the region upwards: to the next rung, and from there to a person. */
export class Climb {
  readonly breaker = new Breaker();
  private readonly context: RegionContext;
  /** Who is being asked about just now, in this instance. */
  private readonly inFlight = new Set<string>();

  constructor(context: RegionContext) {
    this.context = context;
  }

  isInFlight(id: string): boolean {
    return this.inFlight.has(id);
  }

  /**
   * Asks the next rung about stored, open questions, and keeps what it says. Whatever goes wrong, each question ends
   * answered, or with a time at which it climbs again, or on its way to a person. Gives the rung's traces by id.
   */
  async climb(
    manifest: ClassifyManifest,
    questions: readonly Question[],
    hop: Hop,
  ): Promise<Map<string, TraceEntry[]>> {
    if (questions.length === 0) return new Map();
    const ids = questions.map((question) => question.id);
    if (!this.hasNextRung(manifest)) {
      for (const id of ids) this.passOn(manifest, id);
      return new Map();
    }
    for (const id of ids) this.inFlight.add(id);
    try {
      const answers = await this.askNext(questions, hop);
      this.context.storage.transactionSync(() => {
        for (const answer of answers) this.take(manifest, answer);
      });
      return new Map(answers.map((answer) => [answer.id, answer.trace ?? []]));
    } catch (error) {
      if (!(error instanceof RungUnavailableError)) throw error;
      console.warn(JSON.stringify({ event: "next-rung-unavailable", questions: ids.length, reason: error.message }));
      this.context.storage.transactionSync(() => {
        for (const id of ids) this.climbLater(manifest, id);
      });
      return new Map();
    } finally {
      for (const id of ids) this.inFlight.delete(id);
    }
  }

  /** Only the scores of the rungs above: nothing is kept. Empty when they can't be had. */
  async traces(
    manifest: ClassifyManifest,
    questions: readonly Question[],
    hop: Hop,
  ): Promise<Map<string, TraceEntry[]>> {
    if (questions.length === 0 || !this.hasNextRung(manifest)) return new Map();
    try {
      const answers = await this.askNext(questions, hop);
      return new Map(answers.map((answer) => [answer.id, answer.trace ?? []]));
    } catch (error) {
      if (!(error instanceof RungUnavailableError)) throw error;
      return new Map();
    }
  }

  /** The job `climb`: questions whose time has come go up again. */
  async climbDue(): Promise<number | null> {
    const { questions, region, manifests } = this.context;
    const due = questions.dueToClimb(Date.now(), batchSize);
    for (const [base, rows] of Map.groupBy(due, (row) => row.base)) {
      const hop = this.hopOfOwn();
      await this.climb(
        await manifests.get(base),
        rows.map((row) => questionOf(row, region)),
        hop,
      );
    }
    return questions.nextClimb();
  }

  /** The job `review`: hands open questions to the human rung, which takes each once. */
  async reviewDue(): Promise<number | null> {
    const { questions, jobs, env, model, region } = this.context;
    const due = questions.dueToReview(batchSize);
    if (due.length === 0) return null;
    await reviewObject(env, model).enqueue(
      due.map((row) => ({ ...questionOf(row, region), provisional: row.answer, thoughts: row.thoughts })),
    );
    for (const { id } of due) {
      if (!questions.setInReview(id)) jobs.put("withdraw", id, Date.now());
    }
    return Date.now();
  }

  /** Sends a question that no rung was sure of to a person; where there is none, the best answer so far stands. */
  passOn(manifest: ClassifyManifest, id: string): void {
    const { questions, jobs } = this.context;
    questions.setClimb(id, null, 0);
    if (manifest.policy.ladder.includes("human")) {
      questions.setReview(id, Date.now());
      jobs.bring("review", "", Date.now());
      return;
    }
    const row = questions.find(id);
    if (!row) return;
    settle(this.context, manifest, { ...row.answer, status: "answered" });
  }

  private hasNextRung(manifest: ClassifyManifest): boolean {
    return manifest.policy.ladder.includes("origin") && this.context.env.NEXT_RUNG_URL !== "";
  }

  private async askNext(questions: readonly Question[], hop: Hop): Promise<Answer[]> {
    if (!this.breaker.allows(Date.now())) throw new RungUnavailableError("the circuit to the next rung is open");
    const { env, model } = this.context;
    const rung = new HttpRung({
      name: "origin",
      model,
      url: env.NEXT_RUNG_URL,
      token: env.NEXT_RUNG_TOKEN,
      timeoutMs: limits.nextRungTimeoutMs,
    });
    try {
      const replies = await rung.ask(questions, hop);
      this.breaker.succeeded();
      return replies.map((reply) => reply.answer);
    } catch (error) {
      this.breaker.failed(Date.now());
      throw error;
    }
  }

  private take(manifest: ClassifyManifest, traced: Answer): void {
    const { questions } = this.context;
    const { trace: _, ...answer } = traced;
    if (answer.status === "open") {
      // The node above has it, and will know the answer when it is asked again.
      this.climbLater(manifest, answer.id);
      return;
    }
    // An audit asks a person though the rung is sure.
    if (!answer.sure || questions.find(answer.id)?.audited) questions.addThought(answer.id, thoughtOf(answer));
    if (answer.sure) {
      if (!settle(this.context, manifest, answer)) return;
      this.context.canary.labelled(answer.id, answer.label, "origin");
      this.learnFrom(manifest, answer);
    } else {
      questions.setAnswer({ ...answer, status: "open" });
      this.passOn(manifest, answer.id);
    }
  }

  // Where a model has no other labels, the origin's train a little; they never judge or certify.
  private learnFrom(manifest: ClassifyManifest, { id, label }: Answer): void {
    const { originLabelWeight, keepInputs } = manifest.policy;
    const row = originLabelWeight > 0 ? this.context.questions.find(id) : null;
    if (!row) return;
    const instance = keepInputs ? row.instance : null;
    const known = { owner: row.asker, label, source: "origin", labelledAt: row.at } as const;
    keepSample(this.context, manifest, { ...row, instance, ...known });
  }

  private climbLater(manifest: ClassifyManifest, id: string): void {
    const { questions, jobs } = this.context;
    const row = questions.find(id);
    if (row?.answer.status !== "open") return;
    const tries = row.tries + 1;
    if (tries >= limits.climbTries) {
      this.passOn(manifest, id);
      return;
    }
    const at = Date.now() + limits.climbBackoffMs * 2 ** row.tries;
    questions.setClimb(id, at, tries);
    jobs.bring("climb", "", at);
  }

  private hopOfOwn(): Hop {
    return { asker: "", remainingMs: limits.nextRungTimeoutMs, nodes: [this.context.env.NODE_ID], trace: false };
  }
}
