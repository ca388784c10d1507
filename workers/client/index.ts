import type {
  Answer,
  AskBody,
  CanaryState,
  Draft,
  Instance,
  Job,
  JobOrder,
  Manifest,
  ModelPointer,
  SampleLine,
  Taught,
  TensorAnswer,
  Truth,
  Truths,
} from "../core/contract/index.ts";
import { type Call, Transport, type TransportOptions } from "./transport.ts";
import type {
  ModelState,
  ModelSummary,
  OriginState,
  RegionRun,
  RegionState,
  ReviewQuestion,
  RolloutTarget,
  SamplePage,
  VersionList,
} from "./types.ts";

export { ProblemError, UnreachableError } from "./errors.ts";
export type { TransportOptions } from "./transport.ts";
export type * from "./types.ts";

/** How questions are asked. */
export interface AskOptions extends Pick<AskBody, "accept" | "trace" | "caller"> {
  /** The same key asks once, however often it is sent. */
  idempotencyKey?: string;
  signal?: AbortSignal;
}

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

  /** Asks one question. Throws `ProblemError` when it is refused, `UnreachableError` when nobody answers. */
  ask(model: string, instance: Instance, options: AskOptions = {}): Promise<Answer> {
    return this.transport.json(askCall(model, { instance }, options));
  }

  /** Asks many at once; one answer each, in order. */
  async askMany(model: string, instances: Instance[], options: AskOptions = {}): Promise<Answer[]> {
    return (await this.transport.json<{ answers: Answer[] }>(askCall(model, { instances }, options))).answers;
  }

  /** Runs a model of tensors on instances; its outputs for each, in order. */
  async infer(model: string, instances: Instance[], options: AskOptions = {}): Promise<TensorAnswer[]> {
    return (await this.transport.json<{ answers: TensorAnswer[] }>(askCall(model, { instances }, options))).answers;
  }

  /** Asks questions that name their own id, region or time. */
  async askQuestions(model: string, questions: Draft[], options: AskOptions = {}): Promise<Answer[]> {
    return (await this.transport.json<{ answers: Answer[] }>(askCall(model, { questions }, options))).answers;
  }

  /** A question's answer, open or not; waits up to `waitSeconds` for one. */
  question(
    id: string,
    { waitSeconds = 0, signal }: { waitSeconds?: number; signal?: AbortSignal } = {},
  ): Promise<Answer> {
    const headers: Record<string, string> = waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {};
    const timeoutMs = waitSeconds * 1_000 + waitMarginMs;
    return this.transport.json({
      method: "GET",
      path: `/v1/questions/${encodeURIComponent(id)}`,
      headers,
      timeoutMs,
      signal,
    });
  }

  /** Says what turned out to be right. */
  truth(id: string, truth: Truth): Promise<Taught> {
    return this.transport.json(post(`/v1/questions/${encodeURIComponent(id)}/truth`, truth));
  }

  /** Teaches labels in a batch, of questions that were asked or that come along. */
  truths(model: string, body: Truths): Promise<{ accepted: number; changed: number }> {
    return this.transport.json(post(`${modelPath(model)}/truths`, body));
  }

  /** Leases the oldest open questions to this token, and to `reviewer` behind it. */
  async review(model: string, { limit = 1, reviewer }: { limit?: number; reviewer?: string } = {}) {
    const headers: Record<string, string> = reviewer ? { "x-upriver-reviewer": reviewer } : {};
    const path = `${modelPath(model)}/review?limit=${limit}`;
    return this.transport.json<{ questions: ReviewQuestion[]; waiting: number }>({ method: "GET", path, headers });
  }

  /** Answers a question as a person. */
  answer(id: string, label: string, { reviewer }: { reviewer?: string } = {}): Promise<Answer> {
    const headers: Record<string, string> = reviewer ? { "x-upriver-reviewer": reviewer } : {};
    return this.transport.json({ ...post(`/v1/questions/${encodeURIComponent(id)}/answer`, { label }), headers });
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
    const call = { ...post(`${modelPath(model)}/rollback`, {}), isRepeatable: false };
    return (await this.transport.json<{ pointer: ModelPointer }>(call)).pointer;
  }

  /** Gives a region back the head that it had before; null is the global one. */
  rollbackRegion(model: string, region: string): Promise<{ region: string; head: number | null }> {
    return this.transport.json({ ...post(`${modelPath(model)}/rollback`, { region }), isRepeatable: false });
  }

  /** What the rung above the edge answers and trains with. Throws a 404 `ProblemError` where there is none. */
  origin(): Promise<OriginState> {
    return this.get("/v1/status");
  }

  /** Orders a training at the origin. Throws a 409 `ProblemError` while the model has one under way. */
  async orderJob(model: string, order: Partial<JobOrder> = {}): Promise<Job> {
    const call = { ...post(`${modelPath(model)}/jobs`, order), isRepeatable: false };
    return (await this.transport.json<{ job: Job }>(call)).job;
  }

  /** A model's trainings at the origin, the newest first. */
  async jobs(model: string): Promise<Job[]> {
    return (await this.get<{ jobs: Job[] }>(`${modelPath(model)}/jobs`)).jobs;
  }

  /** A training; waits up to `waitSeconds` for its end. */
  async job(model: string, id: string, { waitSeconds = 0 }: { waitSeconds?: number } = {}): Promise<Job> {
    const headers: Record<string, string> = waitSeconds > 0 ? { prefer: `wait=${waitSeconds}` } : {};
    const timeoutMs = waitSeconds * 1_000 + waitMarginMs;
    const path = jobPath(model, id);
    return (await this.transport.json<{ job: Job }>({ method: "GET", path, headers, timeoutMs })).job;
  }

  /** Stops a training; what it has learned so far stays, for a restart. */
  async cancelJob(model: string, id: string): Promise<Job> {
    return (await this.transport.json<{ job: Job }>(post(`${jobPath(model, id)}/cancel`, {}))).job;
  }

  /** Takes up a training that failed or was cancelled, where it was. */
  async restartJob(model: string, id: string): Promise<Job> {
    return (await this.transport.json<{ job: Job }>(post(`${jobPath(model, id)}/restart`, {}))).job;
  }

  async regions(model: string): Promise<RegionState[]> {
    return (await this.get<{ regions: RegionState[] }>(`${modelPath(model)}/regions`)).regions;
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
    return this.transport.json({ method: "DELETE", path: `/v1/questions/${encodeURIComponent(id)}` });
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

  health(): Promise<{ status: string; node: string }> {
    return this.get("/healthz");
  }

  private get<T>(path: string): Promise<T> {
    return this.transport.json<T>({ method: "GET", path });
  }
}

function modelPath(model: string): string {
  return `/v1/models/${encodeURIComponent(model)}`;
}

function regionPath(model: string, region: string): string {
  return `${modelPath(model)}/regions/${encodeURIComponent(region)}`;
}

function jobPath(model: string, id: string): string {
  return `${modelPath(model)}/jobs/${encodeURIComponent(id)}`;
}

function post(path: string, body: unknown): Call {
  return { method: "POST", path, body };
}

// A key, or an id, makes a question the same one when it is sent again: only then it may be.
function askCall(model: string, body: Partial<AskBody>, { idempotencyKey, signal, ...options }: AskOptions): Call {
  const headers: Record<string, string> = idempotencyKey ? { "idempotency-key": idempotencyKey } : {};
  const isRepeatable = idempotencyKey !== undefined || body.questions?.every(({ id }) => id !== undefined) === true;
  return { ...post(`${modelPath(model)}/ask`, { ...body, ...options }), headers, signal, isRepeatable };
}
