import type {
  AddedWebhook,
  Alerts,
  Answer,
  AuditEntry,
  CanaryState,
  Checks,
  Closed,
  Contributed,
  Draft,
  Enrolment,
  FlaggedQuestion,
  ForgottenOwner,
  Instance,
  Invitation,
  IssuedToken,
  LabelResult,
  LabelStudioImported,
  LabelStudioTask,
  Ladder,
  Manifest,
  ModelPointer,
  ModelState,
  ModelSummary,
  NewContribution,
  NewWebhook,
  NodeKeys,
  NodeRecord,
  Nodes,
  OpenSums,
  OriginState,
  QuestionFilter,
  QuestionPage,
  QuestionWay,
  RegionDetail,
  RegionRun,
  RegionRuns,
  RegionState,
  RegionStates,
  Restored,
  ReviewQuestion,
  RolloutTarget,
  SampleLine,
  SentSuspects,
  Series,
  SeriesRange,
  Serving,
  Suspects,
  TensorAnswer,
  TokenChange,
  TokenOrder,
  TokenRecord,
  TokenState,
  Tokens,
  Training,
  TrainingOrder,
  Truth,
  Truths,
  VersionList,
} from "./contract.ts";

import { DeadlineError, ProblemError, UnreachableError } from "./errors.ts";
import { readEvents } from "./events.ts";
import { fitPicture } from "./fit-picture.ts";
import { type AnnotatedTask, mergeImports, taskBatches } from "./label-studio.ts";
import type { Picture, ScalePicture } from "./picture.ts";
import {
  type AskOptions,
  askRequest,
  batchesOf,
  isPicture,
  modelPath,
  nodePath,
  pageQuery,
  pictureBody,
  pictureRequest,
  post,
  questionPath,
  regionPath,
  reviewerHeaders,
  tokenPath,
  trainingPath,
  type WaitOptions,
  withDeadline,
} from "./requests.ts";
import { pause, pauseMaxMs, Transport, type TransportOptions } from "./transport.ts";

export type * from "./contract.ts";
export { DeadlineError, ProblemError, UnreachableError } from "./errors.ts";
export type { AnnotatedTask } from "./label-studio.ts";
export type { Picture, PictureLimits, ScalePicture } from "./picture.ts";
export type { AskOptions, WaitOptions } from "./requests.ts";
export type { TransportOptions } from "./transport.ts";

/** Options of `UpriverClient`. */
export interface ClientOptions extends TransportOptions {
  /**
   * How a picture that the edge would refuse, since it is too large or of another type, is made to fit before it is sent.
   * Browsers need none: the client scales there by itself. `false` sends pictures as they are.
   */
  scalePicture?: ScalePicture | false;
}

/** A page of labelled samples. */
export interface SamplePage {
  lines: SampleLine[];
  cursor: string;
  more: boolean;
}

/** Which page of the audit log is read. */
export interface AuditQuery {
  /** The cursor of the page before. */
  after?: number;
  from?: number;
  order?: "oldest" | "newest";
}

/** A page of the audit log. */
export interface AuditPage {
  entries: AuditEntry[];
  cursor: number;
  more: boolean;
}

/** Duration of one long poll. */
const pollSeconds = 30;
/** Pause before a broken stream is opened again. */
const reopenMs = 500;
/** Time that a long poll may take beyond the requested wait. */
const waitMarginMs = 10_000;

/**
 * Client of the HTTP API, with retries, deadlines and typed errors.
 *
 * @example
 * const upriver = new UpriverClient({ url: "http://127.0.0.1:8787", token });
 * const answer = await upriver.ask("storefront", { region: "lagoon", temperature: 31 });
 */
export class UpriverClient {
  private readonly transport: Transport;

  private readonly scalePicture: ScalePicture | false | undefined;

  constructor(options: ClientOptions) {
    this.transport = new Transport(options);
    this.scalePicture = options.scalePicture;
  }

  /**
   * Asks one question about an instance or a picture. Throws `ProblemError` when it is refused, `UnreachableError` when
   * the edge does not answer, `DeadlineError` after the deadline.
   */
  async ask(model: string, instance: Instance | Picture, options: AskOptions = {}): Promise<Answer> {
    if (!isPicture(instance)) return this.transport.json(askRequest(model, { instance }, options));
    // The time to scale the picture counts.
    const given = withDeadline(options);
    return this.transport.json(pictureRequest(model, await fitPicture(instance, this.scalePicture), given));
  }

  /** Asks many questions, in as few requests as possible; returns the answers in order. */
  async askMany(model: string, instances: readonly Instance[], options: AskOptions = {}): Promise<Answer[]> {
    const answers: Answer[] = [];
    for await (const answer of this.askEach(model, instances, options)) answers.push(answer);
    return answers;
  }

  /** Asks many questions and yields the answers in order, each as soon as its batch is answered. */
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

  /** Waits until a question is answered. Throws `DeadlineError` after the deadline. */
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

  /** Follows a question: yields the provisional answer, then the final one. Reconnects when the stream breaks. */
  async *stream(question: string | Pick<Answer, "id">, options: WaitOptions = {}): AsyncGenerator<Answer, void> {
    const id = typeof question === "string" ? question : question.id;
    const { deadlineAt, signal } = withDeadline(options);
    const headers = { accept: "text/event-stream" };
    let last = "";
    for (;;) {
      let pauseMs = reopenMs;
      try {
        const limit = deadlineAt === undefined ? undefined : AbortSignal.timeout(Math.max(1, deadlineAt - Date.now()));
        const signals = [signal, limit].filter((one) => one !== undefined);
        const body = await this.transport.stream({
          ...{ method: "GET", path: questionPath(id), headers, deadlineAt },
          signal: signals.length > 0 ? AbortSignal.any(signals) : undefined,
        });
        for await (const { data } of readEvents(body)) {
          // A stream that was opened again repeats its last event.
          if (data !== last) yield JSON.parse(data) as Answer;
          last = data;
          if ((JSON.parse(data) as Answer).status === "answered") return;
        }
      } catch (error) {
        if (signal?.aborted) throw signal.reason;
        if (deadlineAt !== undefined && Date.now() >= deadlineAt)
          throw new DeadlineError(
            `Question ${id} was not answered before the deadline. Allow more time with deadlineMs.`,
          );
        const { retryAfter } = error instanceof ProblemError ? error.problem : {};
        if (retryAfter === undefined && !(error instanceof UnreachableError) && !(error instanceof TypeError))
          throw error;
        // A limit is reached, or the region can't be reached: the stream is opened again when it may be.
        pauseMs = Math.max(reopenMs, (retryAfter ?? 0) * 1_000);
        if (pauseMs > pauseMaxMs) throw error;
      }
      await pause(deadlineAt === undefined ? pauseMs : Math.min(pauseMs, deadlineAt - Date.now()), signal);
    }
  }

  /** Runs a tensor model on instances; returns its outputs in order. */
  async infer(model: string, instances: Instance[], options: AskOptions = {}): Promise<TensorAnswer[]> {
    return (await this.transport.json<{ answers: TensorAnswer[] }>(askRequest(model, { instances }, options))).answers;
  }

  /** Asks questions that have an id, region or time of their own. */
  async askQuestions(model: string, questions: Draft[], options: AskOptions = {}): Promise<Answer[]> {
    return (await this.transport.json<{ answers: Answer[] }>(askRequest(model, { questions }, options))).answers;
  }

  /** Fetches a question's answer; waits up to `waitSeconds` while it is open. */
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

  /** Records the truth of a question. */
  teach(id: string, truth: string | number | Truth): Promise<LabelResult> {
    return this.transport.json(post(`${questionPath(id)}/truth`, typeof truth === "object" ? truth : { label: truth }));
  }

  /** Reads everything that the region has recorded of a question; needs the scope admin. */
  way(id: string): Promise<QuestionWay> {
    return this.get(`${questionPath(id)}/way`);
  }

  /**
   * Lists the newest questions that the regions have stored and that pass a filter; with `region`, those of a region, page by page
   * (`before` is the `next` of the page before).
   */
  questionPage(
    model: string,
    query: QuestionFilter & { region?: string; before?: number; limit?: number } = {},
  ): Promise<QuestionPage> {
    const given = Object.entries(query).map(([name, value]) => [name, value === false ? "false" : value]);
    return this.get(`${modelPath(model)}/questions${pageQuery(Object.fromEntries(given))}`);
  }

  /** Teaches the label of a picture. */
  async teachPicture(
    model: string,
    picture: Picture,
    label: string | number,
    { region, ...options }: WaitOptions & { region?: string } = {},
  ) {
    const query = new URLSearchParams({ label: String(label), ...(region === undefined ? {} : { region }) });
    const given = withDeadline(options);
    const fitting = await fitPicture(picture, this.scalePicture);
    const request = { ...pictureBody(fitting), method: "POST" as const, path: `${modelPath(model)}/truths?${query}` };
    return this.transport.json<{ accepted: number; changed: number }>({
      ...request,
      ...given,
      isRepeatable: false,
    });
  }

  /** Teaches many labels, of earlier questions or of questions in the request. */
  teachMany(model: string, body: Truths): Promise<{ accepted: number; changed: number }> {
    return this.transport.json(post(`${modelPath(model)}/truths`, body));
  }

  /** Leases the oldest open questions to a reviewer of this token. */
  async review(model: string, { limit = 1, reviewer }: { limit?: number; reviewer?: string } = {}) {
    const path = `${modelPath(model)}/review?limit=${limit}`;
    const request = { method: "GET" as const, path, headers: reviewerHeaders(reviewer) };
    return this.transport.json<{ questions: ReviewQuestion[]; waiting: number }>(request);
  }

  /** Answers a question as a person; within ten minutes the same person can correct the label. */
  answer(id: string, label: string | number, { reviewer }: { reviewer?: string } = {}): Promise<Answer> {
    const headers = reviewerHeaders(reviewer);
    return this.transport.json({ ...post(`${questionPath(id)}/answer`, { label }), headers });
  }

  /** Returns a leased question to the queue; this reviewer gets it again when no other is waiting. */
  skip(id: string, { reviewer }: { reviewer?: string } = {}): Promise<{ id: string; skipped: true }> {
    const headers = reviewerHeaders(reviewer);
    return this.transport.json({ ...post(`${questionPath(id)}/skip`, {}), headers, isRepeatable: false });
  }

  /** Flags a question that no person can answer; the caller receives the provisional answer. */
  flag(id: string, reason: string, { reviewer }: { reviewer?: string } = {}): Promise<Closed> {
    const headers = reviewerHeaders(reviewer);
    return this.transport.json({ ...post(`${questionPath(id)}/flag`, { reason }), headers, isRepeatable: false });
  }

  /** Lists flagged questions, newest first; `answer` labels one. */
  async flagged(model: string): Promise<FlaggedQuestion[]> {
    return (await this.get<{ questions: FlaggedQuestion[] }>(`${modelPath(model)}/review/flagged`)).questions;
  }

  /** Leases open questions for a day as tasks for Label Studio. */
  labelStudioTasks(model: string, { limit = 100, reviewer }: { limit?: number; reviewer?: string } = {}) {
    const path = `${modelPath(model)}/review/label-studio?limit=${limit}`;
    return this.transport.json<LabelStudioTask[]>({ method: "GET", path, headers: reviewerHeaders(reviewer) });
  }

  /** Fetches the labelling configuration for Label Studio, as XML. */
  async labelStudioConfig(model: string): Promise<string> {
    const path = `${modelPath(model)}/review/label-studio/config`;
    return new TextDecoder().decode(await this.transport.bytes({ method: "GET", path }));
  }

  /** Answers questions from tasks that Label Studio exported as JSON; the result lists refused ones with reasons. */
  async labelStudioImport(
    model: string,
    tasks: readonly AnnotatedTask[],
    { reviewer }: { reviewer?: string } = {},
  ): Promise<LabelStudioImported> {
    const imported: LabelStudioImported[] = [];
    const headers = reviewerHeaders(reviewer);
    for (const batch of taskBatches(tasks)) {
      imported.push(await this.transport.json({ ...post(`${modelPath(model)}/review/label-studio`, batch), headers }));
    }
    return mergeImports(imported);
  }

  /** Lists all models. */
  async models(): Promise<ModelSummary[]> {
    return (await this.get<{ models: ModelSummary[] }>("/v1/models")).models;
  }

  /** Fetches the state of a served model: labels, policy, versions, examples. */
  model(model: string): Promise<ModelState> {
    return this.get(modelPath(model));
  }

  /** Lists the versions of a model and their history. */
  versions(model: string): Promise<VersionList> {
    return this.get(`${modelPath(model)}/versions`);
  }

  /** Fetches the manifest of a version; the stable one by default. */
  manifest(model: string, version?: number): Promise<Manifest> {
    return this.get(`${modelPath(model)}/manifest${version === undefined ? "" : `?version=${version}`}`);
  }

  /** Fetches what serves a region: its version, head and rule, with the keys that verify them. */
  serving(model: string, region: string): Promise<Serving> {
    return this.get(`${regionPath(model, region)}/serving`);
  }

  /** Fetches a blob. */
  blob(sha256: string): Promise<ArrayBuffer> {
    return this.transport.bytes({ method: "GET", path: `/v1/blobs/${sha256}` });
  }

  /** Stores a blob; with scope `publish` only publishers can read it. */
  putBlob(
    sha256: string,
    bytes: ArrayBuffer | Uint8Array,
    scope: "ask" | "publish" = "ask",
  ): Promise<{ sha256: string; bytes: number }> {
    return this.transport.json({ method: "PUT", path: `/v1/blobs/${sha256}?scope=${scope}`, body: bytes });
  }

  /** Publishes a version by its signed manifest. */
  putVersion(manifest: Manifest): Promise<{ version: number; state: string }> {
    const path = `${modelPath(manifest.model)}/versions/${manifest.version}`;
    return this.transport.json({ method: "PUT", path, body: manifest });
  }

  /** Serves a version to all callers, or to a `share` of them as a canary; `watch` promotes it or rolls it back. */
  async rollout(model: string, target: RolloutTarget): Promise<ModelPointer> {
    return (await this.transport.json<{ pointer: ModelPointer }>(post(`${modelPath(model)}/rollout`, target))).pointer;
  }

  /** Fetches the state of the watched canary, or the outcome of the last one; null when there was none. */
  async canary(model: string): Promise<CanaryState | null> {
    return (await this.get<{ canary: CanaryState | null }>(`${modelPath(model)}/canary`)).canary;
  }

  /** Ends the canary, or returns to the previous version. */
  async rollback(model: string): Promise<ModelPointer> {
    const request = { ...post(`${modelPath(model)}/rollback`, {}), isRepeatable: false };
    return (await this.transport.json<{ pointer: ModelPointer }>(request)).pointer;
  }

  /** Rebuilds a registry that lost its state from its copy in R2; throws a 409 `ProblemError` where it has a state. */
  restore(model: string): Promise<Restored> {
    return this.transport.json({ ...post(`${modelPath(model)}/restore`, {}), isRepeatable: false });
  }

  /** Returns a region to its previous head, or to head number `head`; null is the global head. */
  rollbackRegion(
    model: string,
    region: string,
    { head }: { head?: number | null } = {},
  ): Promise<{ region: string; head: number | null }> {
    const body = { region, ...(head === undefined ? {} : { head }) };
    return this.transport.json({ ...post(`${modelPath(model)}/rollback`, body), isRepeatable: head !== undefined });
  }

  /** Fetches the origin's state. Throws a 404 `ProblemError` when the edge has no rung above. */
  origin(): Promise<OriginState> {
    return this.get("/v1/status");
  }

  /** Starts a training at the origin. Throws a 409 `ProblemError` while the model has one running. */
  async startTraining(model: string, order: Partial<TrainingOrder> = {}): Promise<Training> {
    const request = { ...post(`${modelPath(model)}/trainings`, order), isRepeatable: false };
    return (await this.transport.json<{ training: Training }>(request)).training;
  }

  /** Lists a model's trainings at the origin, newest first. */
  async trainings(model: string): Promise<Training[]> {
    return (await this.get<{ trainings: Training[] }>(`${modelPath(model)}/trainings`)).trainings;
  }

  /** Fetches a training; waits up to `waitSeconds` for its end. */
  async training(model: string, id: string, { waitSeconds = 0 }: { waitSeconds?: number } = {}): Promise<Training> {
    const headers: Record<string, string> = waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {};
    const timeoutMs = waitSeconds * 1_000 + waitMarginMs;
    const path = trainingPath(model, id);
    return (await this.transport.json<{ training: Training }>({ method: "GET", path, headers, timeoutMs })).training;
  }

  /** Fetches a training's report, an HTML page. Throws a 404 `ProblemError` before there is one. */
  async trainingReport(model: string, id: string): Promise<string> {
    return new TextDecoder().decode(
      await this.transport.bytes({ method: "GET", path: `${trainingPath(model, id)}/report` }),
    );
  }

  /** Stops a training; its checkpoint is kept for a restart. */
  async cancelTraining(model: string, id: string): Promise<Training> {
    return (await this.transport.json<{ training: Training }>(post(`${trainingPath(model, id)}/cancel`, {}))).training;
  }

  /** Continues a failed or cancelled training from its checkpoint. */
  async restartTraining(model: string, id: string): Promise<Training> {
    return (await this.transport.json<{ training: Training }>(post(`${trainingPath(model, id)}/restart`, {}))).training;
  }

  /**
   * Fetches a page of the regions of a model, by name, and sums over all of them. A region's state is as it reported it last,
   * some seconds after a change (`asOf`); with `fresh` each region of the page is asked. By `need`, the page has the regions that
   * need attention, the most urgent first, and no other follows.
   */
  regionPage(
    model: string,
    { after, limit, by, fresh = false }: { after?: string; limit?: number; by?: "name" | "need"; fresh?: boolean } = {},
  ): Promise<RegionStates> {
    return this.get(`${modelPath(model)}/regions${pageQuery({ after, limit, by, fresh })}`);
  }

  /** Lists all regions of a model, page by page. */
  async regions(model: string, { fresh = false }: { fresh?: boolean } = {}): Promise<RegionState[]> {
    const all: RegionState[] = [];
    for (let after: string | undefined; ; ) {
      const { regions, next } = await this.regionPage(model, { ...(after === undefined ? {} : { after }), fresh });
      all.push(...regions);
      // An earlier release has no pages.
      if (next == null) return all;
      after = next;
    }
  }

  /** Reads a model's questions over time: an hour, a day, a week or a month up to now. */
  series(model: string, range: SeriesRange): Promise<Series> {
    return this.get(`${modelPath(model)}/series?range=${range}`);
  }

  /** Fetches one region: its state, its heads and their history, its retrains. */
  region(model: string, region: string): Promise<RegionDetail> {
    return this.get(regionPath(model, region));
  }

  /** Lists samples of a region whose label may be wrong, the most suspicious first. Needs the scope admin. */
  suspects(model: string, region: string, limit = 100): Promise<Suspects> {
    return this.get(`${regionPath(model, region)}/suspects?limit=${limit}`);
  }

  /** Asks people to check the labels of up to 100 samples of a region, all or none; their answers replace the labels. Needs the scope admin. */
  reviewSuspects(model: string, region: string, ids: readonly string[]): Promise<SentSuspects> {
    return this.transport.json(post(`${regionPath(model, region)}/suspects/review`, { ids }));
  }

  /** Lists the retrains of a page of the regions, newest first. */
  runPage(model: string, page: { after?: string; limit?: number } = {}): Promise<RegionRuns> {
    return this.get(`${modelPath(model)}/runs${pageQuery(page)}`);
  }

  /** Lists the retrains of all regions, newest first. */
  async allRuns(model: string): Promise<RegionRun[]> {
    const all: RegionRun[] = [];
    for (let after: string | undefined; ; ) {
      const { runs, next } = await this.runPage(model, after === undefined ? {} : { after });
      all.push(...runs);
      if (next == null) return all.sort((a, b) => b.startedAt - a.startedAt);
      after = next;
    }
  }

  /** Lists the retrains of a region, newest first. */
  async runs(model: string, region: string): Promise<RegionRun[]> {
    return (await this.get<{ runs: RegionRun[] }>(`${regionPath(model, region)}/runs`)).runs;
  }

  /**
   * Retrains a region's head on what is known at data time `at`; waits up to `waitSeconds` for the end. Labels of
   * `acceptOwners` may decide the outcome although their tokens are not trusted.
   */
  retrain(
    model: string,
    region: string,
    { at, waitSeconds = 0, acceptOwners = [] }: { at?: number; waitSeconds?: number; acceptOwners?: string[] } = {},
  ): Promise<RegionRun> {
    const headers: Record<string, string> = waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {};
    const timeoutMs = waitSeconds * 1_000 + waitMarginMs;
    const body = { ...(at === undefined ? {} : { at }), ...(acceptOwners.length > 0 ? { acceptOwners } : {}) };
    return this.transport.json({ ...post(`${regionPath(model, region)}/retrain`, body), headers, timeoutMs });
  }

  /** Sends exact sums over labels of one's own, in place of those that were sent under this id before. */
  contribute(model: string, region: string, id: string, contribution: NewContribution): Promise<Contributed> {
    const path = `${regionPath(model, region)}/contributions/${encodeURIComponent(id)}`;
    return this.transport.json({ ...post(path, contribution), method: "PUT" });
  }

  /** Withdraws what was contributed: the region's sums are as without it, bit for bit. `owner`: its token, for an admin. */
  withdraw(model: string, region: string, id: string, { owner }: { owner?: string } = {}): Promise<Contributed> {
    const query = owner === undefined ? "" : `?owner=${encodeURIComponent(owner)}`;
    const path = `${regionPath(model, region)}/contributions/${encodeURIComponent(id)}${query}`;
    return this.transport.json({ method: "DELETE", path });
  }

  /** Fetches what contributions have taught a region with open labels. */
  openSums(model: string, region: string): Promise<OpenSums> {
    return this.get(`${regionPath(model, region)}/contributions`);
  }

  /** Deletes everything that a region stores: questions, samples and heads. */
  forgetRegion(model: string, region: string): Promise<{ forgotten: boolean }> {
    return this.transport.json({ method: "DELETE", path: regionPath(model, region) });
  }

  /** Deletes every sample that one of the tokens asked or labelled, in one region or in all, and trains the heads that learned from it again. */
  forgetOwners(model: string, owners: readonly string[], region?: string): Promise<ForgottenOwner> {
    const given = owners.map((owner) => ["owner", owner]);
    const query = new URLSearchParams(region === undefined ? given : [...given, ["region", region]]);
    return this.transport.json({ method: "DELETE", path: `${modelPath(model)}/samples?${query}` });
  }

  /** Deletes a question: its row, input, embedding and sample. */
  forgetQuestion(id: string): Promise<{ id: string; forgotten: boolean }> {
    return this.transport.json({ method: "DELETE", path: questionPath(id) });
  }

  /** Fetches labelled samples that changed after a cursor, and the cursor of the next page. */
  async samples(model: string, since?: string): Promise<SamplePage> {
    const query = since === undefined ? "" : `?since=${encodeURIComponent(since)}`;
    const bytes = await this.transport.bytes({ method: "GET", path: `${modelPath(model)}/samples${query}` });
    const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
    const { cursor, more } = JSON.parse(lines.pop() as string) as Pick<SamplePage, "cursor" | "more">;
    return { lines: lines.map((line) => JSON.parse(line) as SampleLine), cursor, more };
  }

  /** Fetches a region's sums over its labelled embeddings, as float64 bytes; refused where they are of another backbone. */
  sums(model: string, region: string, backbone?: string): Promise<ArrayBuffer> {
    const query = backbone === undefined ? "" : `?backbone=${backbone}`;
    return this.transport.bytes({ method: "GET", path: `${regionPath(model, region)}/sums${query}` });
  }

  /** Fetches the state of every rung: counts, open questions, whether the next rung answers. */
  ladder(): Promise<Ladder> {
    return this.get("/v1/ladder");
  }

  /** Lists the last alerts of a model, and the webhooks that get them. Needs the scope admin. */
  alerts(model: string): Promise<Alerts> {
    return this.get(`${modelPath(model)}/alerts`);
  }

  /** Adds a webhook; the secret that signs what it gets is only in this reply. */
  addWebhook(model: string, order: NewWebhook): Promise<AddedWebhook> {
    return this.transport.json({ ...post(`${modelPath(model)}/webhooks`, order), isRepeatable: false });
  }

  /** Removes a webhook, with the alerts that wait for it. */
  removeWebhook(model: string, id: string): Promise<{ id: string; removed: true }> {
    return this.transport.json({ method: "DELETE", path: `${modelPath(model)}/webhooks/${encodeURIComponent(id)}` });
  }

  /** Sends a test to a webhook; returns the id of its alert. */
  async testWebhook(model: string, id: string): Promise<string> {
    const path = `${modelPath(model)}/webhooks/${encodeURIComponent(id)}/test`;
    return (await this.transport.json<{ alert: string }>({ ...post(path, {}), isRepeatable: false })).alert;
  }

  /** Fetches metrics of rungs and regions in Prometheus's text format. */
  async metrics(): Promise<string> {
    return new TextDecoder().decode(await this.transport.bytes({ method: "GET", path: "/metrics" }));
  }

  /** Fetches the scopes and limits of this client's token. */
  token(): Promise<TokenState> {
    return this.get("/v1/token");
  }

  /** Lists the tokens that the deployment issued, by id; revoked ones too. Needs an admin of all models and regions. */
  async tokens(): Promise<TokenRecord[]> {
    const tokens: TokenRecord[] = [];
    for (let after = ""; ; ) {
      const page = await this.get<Tokens>(`/v1/tokens?after=${encodeURIComponent(after)}`);
      tokens.push(...page.tokens);
      if (page.next === null) return tokens;
      after = page.next;
    }
  }

  /** Creates a token; its secret is only in this reply. Throws a 409 `ProblemError` where the id is taken. */
  createToken(token: TokenOrder): Promise<IssuedToken> {
    return this.transport.json({ ...post("/v1/tokens", token), isRepeatable: false });
  }

  /** Changes what a token may do; what `change` leaves out stays. It takes effect within 30 s. */
  changeToken(id: string, change: TokenChange): Promise<TokenRecord> {
    return this.transport.json(post(tokenPath(id), change));
  }

  /** Gives a token another secret, which is only in this reply. The old one stays valid for `oldValidHours`, 24 by default. */
  rotateToken(id: string, { oldValidHours }: { oldValidHours?: number } = {}): Promise<IssuedToken> {
    const body = oldValidHours === undefined ? {} : { oldValidHours };
    return this.transport.json({ ...post(`${tokenPath(id)}/rotate`, body), isRepeatable: false });
  }

  /** Revokes a token. It takes effect within 30 s. */
  revokeToken(id: string): Promise<TokenRecord> {
    return this.transport.json({ method: "DELETE", path: tokenPath(id) });
  }

  /** Lists the nodes under this rung, each with its last report. */
  async nodes(): Promise<NodeRecord[]> {
    return (await this.get<Nodes>("/v1/nodes")).nodes;
  }

  /** Invites a node; its enrolment token is only in this reply. Throws a 409 `ProblemError` where the id is taken. */
  inviteNode(id: string, { share }: { share?: Invitation["share"] } = {}): Promise<Invitation> {
    const body = { id, ...(share ? { share } : {}) };
    return this.transport.json({ ...post("/v1/nodes", body), isRepeatable: false });
  }

  /** Uses the invitation that is this client's token; the node's own token is only in this reply. */
  enrolNode(id: string): Promise<Enrolment> {
    return this.transport.json({ ...post(`${nodePath(id)}/enrol`, {}), isRepeatable: false });
  }

  /** Fetches what the rung above tells the node whose token this client has: the keys to trust, and what to share. */
  nodeKeys(id: string): Promise<NodeKeys> {
    return this.get(`${nodePath(id)}/keys`);
  }

  /** Fetches a page of the audit log: the entries that follow a cursor, from a time on (ms since 1970), the oldest first unless given. */
  async audit({ after, from = 0, order = "oldest" }: AuditQuery = {}): Promise<AuditPage> {
    const start = after === undefined ? "" : `&after=${after}`;
    const bytes = await this.transport.bytes({ method: "GET", path: `/v1/audit?from=${from}&order=${order}${start}` });
    const lines = new TextDecoder().decode(bytes).trimEnd().split("\n");
    const { cursor, more } = JSON.parse(lines.pop() as string) as Pick<AuditPage, "cursor" | "more">;
    return { entries: lines.map((line) => JSON.parse(line) as AuditEntry), cursor, more };
  }

  /** Runs the deployment's checks; each fault comes with a remedy. */
  checks(): Promise<Checks> {
    return this.get("/v1/checks");
  }

  /** Tells whether the edge is up. */
  health(): Promise<{ status: string; node: string }> {
    return this.get("/healthz");
  }

  private get<T>(path: string): Promise<T> {
    return this.transport.json<T>({ method: "GET", path });
  }
}
