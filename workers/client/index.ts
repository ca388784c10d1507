import type {
  Answer,
  CanaryState,
  Checks,
  Draft,
  FlaggedQuestion,
  Instance,
  LabelResult,
  LabelStudioImported,
  LabelStudioTask,
  Ladder,
  Manifest,
  ModelPointer,
  ModelState,
  ModelSummary,
  OriginState,
  RegionDetail,
  RegionRun,
  RegionState,
  ReviewQuestion,
  RolloutTarget,
  SampleLine,
  TensorAnswer,
  TokenState,
  Training,
  TrainingOrder,
  Truth,
  Truths,
  VersionList,
} from "./contract.ts";

import { DeadlineError, UnreachableError } from "./errors.ts";
import { readEvents } from "./events.ts";
import { type AnnotatedTask, mergeImports, taskBatches } from "./label-studio.ts";
import {
  type AskOptions,
  askRequest,
  batchesOf,
  isPicture,
  modelPath,
  type Picture,
  pictureBody,
  pictureRequest,
  post,
  questionPath,
  regionPath,
  reviewerHeaders,
  trainingPath,
  type WaitOptions,
  withDeadline,
} from "./requests.ts";
import { Transport, type TransportOptions } from "./transport.ts";

export type * from "./contract.ts";
export { DeadlineError, ProblemError, UnreachableError } from "./errors.ts";
export type { AnnotatedTask } from "./label-studio.ts";
export type { AskOptions, Picture, WaitOptions } from "./requests.ts";
export type { TransportOptions } from "./transport.ts";

/** A page of labelled samples. */
export interface SamplePage {
  lines: SampleLine[];
  cursor: string;
  more: boolean;
}

/** How long one long poll lasts, and how soon a broken stream is opened again. */
const pollSeconds = 30;
const reopenMs = 500;
const waitMarginMs = 10_000;

/**
 * Upriver's client: everything the HTTP API does, with retries, deadlines and typed errors.
 *
 * @example
 * const upriver = new UpriverClient({ url: "http://127.0.0.1:8787", token });
 * const answer = await upriver.ask("storefront", { region: "lagoon", temperature: 31 });
 */
export class UpriverClient {
  private readonly transport: Transport;

  constructor(options: TransportOptions) {
    this.transport = new Transport(options);
  }

  /**
   * Asks one question: an instance, or a picture. Throws `ProblemError` when it is refused, `UnreachableError` when
   * nobody answers, `DeadlineError` when the time is over.
   */
  ask(model: string, instance: Instance | Picture, options: AskOptions = {}): Promise<Answer> {
    return this.transport.json(
      isPicture(instance) ? pictureRequest(model, instance, options) : askRequest(model, { instance }, options),
    );
  }

  /** Asks many; one answer each, in order. They are split into as many requests as they need. */
  async askMany(model: string, instances: readonly Instance[], options: AskOptions = {}): Promise<Answer[]> {
    const answers: Answer[] = [];
    for await (const answer of this.askEach(model, instances, options)) answers.push(answer);
    return answers;
  }

  /** Asks many, and gives each answer as soon as its batch has come, in order. */
  async *askEach(
    model: string,
    instances: readonly Instance[],
    options: AskOptions = {},
  ): AsyncGenerator<Answer, void> {
    const { idempotencyKey, ...rest } = withDeadline(options);
    for (const [i, batch] of batchesOf(instances).entries()) {
      const key = idempotencyKey === undefined ? {} : { idempotencyKey: `${idempotencyKey}.${i}` };
      const request = askRequest(model, { instances: batch }, { ...rest, ...key });
      yield* (await this.transport.json<{ answers: Answer[] }>(request)).answers;
    }
  }

  /** The answer to a question once there is one: it waits until then, or until its time is over. */
  async wait(question: string | Pick<Answer, "id">, options: WaitOptions = {}): Promise<Answer> {
    const id = typeof question === "string" ? question : question.id;
    const { deadlineAt, signal } = withDeadline(options);
    for (;;) {
      const leftSeconds = deadlineAt === undefined ? pollSeconds : Math.ceil((deadlineAt - Date.now()) / 1_000);
      const waitSeconds = Math.max(1, Math.min(pollSeconds, leftSeconds));
      const answer = await this.question(id, { waitSeconds, ...(signal ? { signal } : {}), deadlineAt });
      if (answer.status === "answered") return answer;
    }
  }

  /** What becomes of a question, as it comes: the provisional answer first, the last one in the end. A broken connection is opened again. */
  async *stream(question: string | Pick<Answer, "id">, options: WaitOptions = {}): AsyncGenerator<Answer, void> {
    const id = typeof question === "string" ? question : question.id;
    const { deadlineAt, signal } = withDeadline(options);
    const headers = { accept: "text/event-stream" };
    let last = "";
    for (;;) {
      try {
        const limit = deadlineAt === undefined ? undefined : AbortSignal.timeout(Math.max(1, deadlineAt - Date.now()));
        const signals = [signal, limit].filter((one) => one !== undefined);
        const body = await this.transport.stream({
          ...{ method: "GET", path: questionPath(id), headers, deadlineAt },
          signal: signals.length > 0 ? AbortSignal.any(signals) : undefined,
        });
        for await (const { data } of readEvents(body)) {
          // A stream that was opened again begins with what is known.
          if (data !== last) yield JSON.parse(data) as Answer;
          last = data;
          if ((JSON.parse(data) as Answer).status === "answered") return;
        }
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (deadlineAt !== undefined && Date.now() >= deadlineAt)
          throw new DeadlineError(`stream ${id}: the time that was given is over.`);
        if (!(error instanceof UnreachableError) && !(error instanceof TypeError)) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, reopenMs));
    }
  }

  /** Runs a model of tensors on instances; its outputs for each, in order. */
  async infer(model: string, instances: Instance[], options: AskOptions = {}): Promise<TensorAnswer[]> {
    return (await this.transport.json<{ answers: TensorAnswer[] }>(askRequest(model, { instances }, options))).answers;
  }

  /** Asks questions that name their own id, region or time. */
  async askQuestions(model: string, questions: Draft[], options: AskOptions = {}): Promise<Answer[]> {
    return (await this.transport.json<{ answers: Answer[] }>(askRequest(model, { questions }, options))).answers;
  }

  /** A question's answer, open or not; waits up to `waitSeconds` for one. */
  question(
    id: string,
    {
      waitSeconds = 0,
      signal,
      deadlineAt,
    }: { waitSeconds?: number; signal?: AbortSignal; deadlineAt?: number | undefined } = {},
  ): Promise<Answer> {
    const headers: Record<string, string> = waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {};
    const timeoutMs = waitSeconds * 1_000 + waitMarginMs;
    return this.transport.json({
      method: "GET",
      path: questionPath(id),
      headers,
      timeoutMs,
      signal,
      deadlineAt,
    });
  }

  /** Says what turned out to be right of a question. */
  teach(id: string, truth: string | Truth): Promise<LabelResult> {
    return this.transport.json(post(`${questionPath(id)}/truth`, typeof truth === "string" ? { label: truth } : truth));
  }

  /** Teaches a picture's label. */
  teachPicture(
    model: string,
    picture: Picture,
    label: string,
    { region, ...options }: WaitOptions & { region?: string } = {},
  ) {
    const query = new URLSearchParams({ label, ...(region === undefined ? {} : { region }) });
    const request = { ...pictureBody(picture), method: "POST" as const, path: `${modelPath(model)}/truths?${query}` };
    return this.transport.json<{ accepted: number; changed: number }>({
      ...request,
      ...withDeadline(options),
      isRepeatable: false,
    });
  }

  /** Teaches labels in a batch, of questions that were asked or that come along. */
  teachMany(model: string, body: Truths): Promise<{ accepted: number; changed: number }> {
    return this.transport.json(post(`${modelPath(model)}/truths`, body));
  }

  /** Leases the oldest open questions to this token, and to `reviewer` behind it. */
  async review(model: string, { limit = 1, reviewer }: { limit?: number; reviewer?: string } = {}) {
    const path = `${modelPath(model)}/review?limit=${limit}`;
    const request = { method: "GET" as const, path, headers: reviewerHeaders(reviewer) };
    return this.transport.json<{ questions: ReviewQuestion[]; waiting: number }>(request);
  }

  /** Answers a question as a person; for ten minutes the same person may correct the label by another one. */
  answer(id: string, label: string, { reviewer }: { reviewer?: string } = {}): Promise<Answer> {
    const headers = reviewerHeaders(reviewer);
    return this.transport.json({ ...post(`${questionPath(id)}/answer`, { label }), headers });
  }

  /** Gives a leased question back: others get it at once, this reviewer when nothing else waits. */
  skip(id: string, { reviewer }: { reviewer?: string } = {}): Promise<{ id: string; skipped: true }> {
    const headers = reviewerHeaders(reviewer);
    return this.transport.json({ ...post(`${questionPath(id)}/skip`, {}), headers, isRepeatable: false });
  }

  /** Says why no person can answer a question; whoever asked gets the best answer so far. */
  flag(id: string, reason: string, { reviewer }: { reviewer?: string } = {}): Promise<Answer> {
    const headers = reviewerHeaders(reviewer);
    return this.transport.json({ ...post(`${questionPath(id)}/flag`, { reason }), headers, isRepeatable: false });
  }

  /** The questions that were flagged, the newest first; `answer` labels one after all. */
  async flagged(model: string): Promise<FlaggedQuestion[]> {
    return (await this.get<{ questions: FlaggedQuestion[] }>(`${modelPath(model)}/review/flagged`)).questions;
  }

  /** Leases open questions for a day, as tasks to import into Label Studio. */
  labelStudioTasks(model: string, { limit = 100, reviewer }: { limit?: number; reviewer?: string } = {}) {
    const path = `${modelPath(model)}/review/label-studio?limit=${limit}`;
    return this.transport.json<LabelStudioTask[]>({ method: "GET", path, headers: reviewerHeaders(reviewer) });
  }

  /** The labelling configuration for Label Studio, as XML. */
  async labelStudioConfig(model: string): Promise<string> {
    const path = `${modelPath(model)}/review/label-studio/config`;
    return new TextDecoder().decode(await this.transport.bytes({ method: "GET", path }));
  }

  /** Answers questions by what Label Studio exported as JSON; what is refused says why. */
  async labelStudioImport(
    model: string,
    tasks: readonly AnnotatedTask[],
    { reviewer }: { reviewer?: string } = {},
  ): Promise<LabelStudioImported> {
    const imported: LabelStudioImported[] = [];
    const headers = reviewerHeaders(reviewer);
    for (const part of taskBatches(tasks)) {
      imported.push(await this.transport.json({ ...post(`${modelPath(model)}/review/label-studio`, part), headers }));
    }
    return mergeImports(imported);
  }

  async models(): Promise<ModelSummary[]> {
    return (await this.get<{ models: ModelSummary[] }>("/v1/models")).models;
  }

  model(model: string): Promise<ModelState> {
    return this.get(modelPath(model));
  }

  versions(model: string): Promise<VersionList> {
    return this.get(`${modelPath(model)}/versions`);
  }

  manifest(model: string, version?: number): Promise<Manifest> {
    return this.get(`${modelPath(model)}/manifest${version === undefined ? "" : `?version=${version}`}`);
  }

  blob(sha256: string): Promise<ArrayBuffer> {
    return this.transport.bytes({ method: "GET", path: `/v1/blobs/${sha256}` });
  }

  /** Stores a blob; with scope `publish` none but publishers may read it. */
  putBlob(
    sha256: string,
    bytes: ArrayBuffer | Uint8Array,
    scope: "ask" | "publish" = "ask",
  ): Promise<{ sha256: string; bytes: number }> {
    return this.transport.json({ method: "PUT", path: `/v1/blobs/${sha256}?scope=${scope}`, body: bytes });
  }

  putVersion(manifest: Manifest): Promise<{ version: number; state: string }> {
    const path = `${modelPath(manifest.model)}/versions/${manifest.version}`;
    return this.transport.json({ method: "PUT", path, body: manifest });
  }

  /** Moves the pointer: to all, or to a `share` of the callers as a canary, which `watch` promotes or rolls back by itself. */
  async rollout(model: string, target: RolloutTarget): Promise<ModelPointer> {
    return (await this.transport.json<{ pointer: ModelPointer }>(post(`${modelPath(model)}/rollout`, target))).pointer;
  }

  /** Where the canary stands that is watched, or how the last one ended; null where none ever was. */
  async canary(model: string): Promise<CanaryState | null> {
    return (await this.get<{ canary: CanaryState | null }>(`${modelPath(model)}/canary`)).canary;
  }

  /** Ends the canary, or goes back to the version before. */
  async rollback(model: string): Promise<ModelPointer> {
    const request = { ...post(`${modelPath(model)}/rollback`, {}), isRepeatable: false };
    return (await this.transport.json<{ pointer: ModelPointer }>(request)).pointer;
  }

  /** Gives a region back the head that it had before, or the one of a number; null is the global one. */
  rollbackRegion(
    model: string,
    region: string,
    { head }: { head?: number | null } = {},
  ): Promise<{ region: string; head: number | null }> {
    const body = { region, ...(head === undefined ? {} : { head }) };
    return this.transport.json({ ...post(`${modelPath(model)}/rollback`, body), isRepeatable: head !== undefined });
  }

  /** What the rung above the edge answers and trains with. Throws a 404 `ProblemError` where there is none. */
  origin(): Promise<OriginState> {
    return this.get("/v1/status");
  }

  /** Orders a training at the origin. Throws a 409 `ProblemError` while the model has one under way. */
  async startTraining(model: string, order: Partial<TrainingOrder> = {}): Promise<Training> {
    const request = { ...post(`${modelPath(model)}/trainings`, order), isRepeatable: false };
    return (await this.transport.json<{ training: Training }>(request)).training;
  }

  /** A model's trainings at the origin, the newest first. */
  async trainings(model: string): Promise<Training[]> {
    return (await this.get<{ trainings: Training[] }>(`${modelPath(model)}/trainings`)).trainings;
  }

  /** A training; waits up to `waitSeconds` for its end. */
  async training(model: string, id: string, { waitSeconds = 0 }: { waitSeconds?: number } = {}): Promise<Training> {
    const headers: Record<string, string> = waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {};
    const timeoutMs = waitSeconds * 1_000 + waitMarginMs;
    const path = trainingPath(model, id);
    return (await this.transport.json<{ training: Training }>({ method: "GET", path, headers, timeoutMs })).training;
  }

  /** A training's report as a page of HTML. Throws a 404 `ProblemError` before it has one. */
  async trainingReport(model: string, id: string): Promise<string> {
    return new TextDecoder().decode(
      await this.transport.bytes({ method: "GET", path: `${trainingPath(model, id)}/report` }),
    );
  }

  /** Stops a training; what it has learned so far stays, for a restart. */
  async cancelTraining(model: string, id: string): Promise<Training> {
    return (await this.transport.json<{ training: Training }>(post(`${trainingPath(model, id)}/cancel`, {}))).training;
  }

  /** Takes up a training that failed or was cancelled, where it was. */
  async restartTraining(model: string, id: string): Promise<Training> {
    return (await this.transport.json<{ training: Training }>(post(`${trainingPath(model, id)}/restart`, {}))).training;
  }

  async regions(model: string): Promise<RegionState[]> {
    return (await this.get<{ regions: RegionState[] }>(`${modelPath(model)}/regions`)).regions;
  }

  /** One region: its state, every head that it had, what was done with them, and its runs. */
  region(model: string, region: string): Promise<RegionDetail> {
    return this.get(regionPath(model, region));
  }

  /** The runs of every region, the newest first. */
  async allRuns(model: string): Promise<RegionRun[]> {
    return (await this.get<{ runs: RegionRun[] }>(`${modelPath(model)}/runs`)).runs;
  }

  async runs(model: string, region: string): Promise<RegionRun[]> {
    return (await this.get<{ runs: RegionRun[] }>(`${regionPath(model, region)}/runs`)).runs;
  }

  /** Retrains a region's head now, with what is known at data time `at`; waits up to `waitSeconds` for the end. */
  retrain(
    model: string,
    region: string,
    { at, waitSeconds = 0 }: { at?: number; waitSeconds?: number } = {},
  ): Promise<RegionRun> {
    const headers: Record<string, string> = waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {};
    const timeoutMs = waitSeconds * 1_000 + waitMarginMs;
    const body = at === undefined ? {} : { at };
    return this.transport.json({ ...post(`${regionPath(model, region)}/retrain`, body), headers, timeoutMs });
  }

  /** Forgets everything that a region was asked and taught, and its heads. */
  forgetRegion(model: string, region: string): Promise<{ forgotten: boolean }> {
    return this.transport.json({ method: "DELETE", path: regionPath(model, region) });
  }

  /** Forgets a question: its row, input, embedding and what it taught. */
  forgetQuestion(id: string): Promise<{ id: string; forgotten: boolean }> {
    return this.transport.json({ method: "DELETE", path: questionPath(id) });
  }

  /** Labelled samples that changed after a cursor, and the cursor to go on from. */
  async samples(model: string, since?: string): Promise<SamplePage> {
    const query = since === undefined ? "" : `?since=${encodeURIComponent(since)}`;
    const bytes = await this.transport.bytes({ method: "GET", path: `${modelPath(model)}/samples${query}` });
    const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
    const { cursor, more } = JSON.parse(lines.pop() as string) as Pick<SamplePage, "cursor" | "more">;
    return { lines: lines.map((line) => JSON.parse(line) as SampleLine), cursor, more };
  }

  /** A region's sums over its labelled embeddings, as float64 bytes. */
  sums(model: string, region: string): Promise<ArrayBuffer> {
    return this.transport.bytes({ method: "GET", path: `${regionPath(model, region)}/sums` });
  }

  /** Every rung as it is now: what it counted, what is open, whether the next rung answers. */
  ladder(): Promise<Ladder> {
    return this.get("/v1/ladder");
  }

  /** The same for Prometheus, and what the regions have learned, in its text format. */
  async metrics(): Promise<string> {
    return new TextDecoder().decode(await this.transport.bytes({ method: "GET", path: "/metrics" }));
  }

  /** What this client's token may do. */
  token(): Promise<TokenState> {
    return this.get("/v1/token");
  }

  /** What the deployment finds of itself, and how to mend it. */
  checks(): Promise<Checks> {
    return this.get("/v1/checks");
  }

  health(): Promise<{ status: string; node: string }> {
    return this.get("/healthz");
  }

  private get<T>(path: string): Promise<T> {
    return this.transport.json<T>({ method: "GET", path });
  }
}
