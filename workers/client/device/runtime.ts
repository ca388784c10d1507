import type { Answer, Question } from "../../core/contract/index.ts";
import { quantise } from "../../core/head/embedding.ts";
import { rungHostOf } from "../../core/rung-kind.ts";
import { pause, Transport } from "../transport.ts";
import { answer, questionOf, shortened, withKnownCandidates } from "./answering.ts";
import { Contributing } from "./contributing.ts";
import { Counting } from "./counting.ts";
import { DeviceError } from "./errors.ts";
import { indexedStorage } from "./indexed-storage.ts";
import { Lessons } from "./lessons.ts";
import { memoryStorage } from "./memory-storage.ts";
import { Models } from "./models.ts";
import { Outbox } from "./outbox.ts";
import type { Served } from "./served.ts";
import { Shared } from "./shared.ts";
import { Teaching } from "./teaching.ts";
import type {
  Contribution,
  DeviceAnswer,
  DeviceApi,
  DeviceAskOptions,
  DeviceEvents,
  DeviceInput,
  DeviceState,
  DeviceStorage,
  Emit,
  ExportedHead,
  Lesson,
  RuntimeOptions,
  TaughtLabel,
} from "./types.ts";

const defaultUpdateSeconds = 300;
/** Final answers that `wait` still knows. */
const recentAnswers = 1_000;
/** How much later than its write to the storage another page's message about an answer may arrive. */
const messageDelayMs = 250;

/** Opens the model side of a device: in a page's worker, in a worker, or in Node. */
export async function openRuntime(options: RuntimeOptions, emit: Emit): Promise<DeviceApi> {
  const { url, model, region, user } = options;
  const name = `upriver ${new URL(url).origin} ${model} ${region}${user === undefined ? "" : ` ${user}`}`;
  const isIndexed = options.storage === undefined && typeof indexedDB !== "undefined";
  const storage = options.storage ?? (isIndexed ? await indexedStorage(name) : memoryStorage());
  const runtime = new Runtime(options, emit, storage, isIndexed ? name : null);
  try {
    await runtime.start();
  } catch (error) {
    await runtime.close();
    throw error;
  }
  return runtime;
}

class Runtime implements DeviceApi {
  private readonly options: RuntimeOptions;
  private readonly emit: Emit;
  private readonly storage: DeviceStorage;
  private readonly models: Models;
  private readonly lessons: Lessons;
  private readonly teaching: Teaching;
  private readonly outbox: Outbox;
  private readonly contributing: Contributing;
  private readonly counting: Counting;
  private readonly shared: Shared;
  private readonly recent = new Map<string, DeviceAnswer>();
  private served: Served | null = null;
  private fault: string | null = null;
  private timer: ReturnType<typeof setInterval> | undefined;
  private updating: Promise<boolean> | null = null;

  constructor(options: RuntimeOptions, emit: Emit, storage: DeviceStorage, name: string | null) {
    const { url, token, model, region, memoryMb = 48, keys = null, fetch } = options;
    this.options = options;
    this.emit = emit;
    this.storage = storage;
    const to = { url, token, ...(fetch ? { fetch } : {}) };
    const host = rungHostOf({ RUNG_KIND: "device", MODELS_MEMORY_MB: `${memoryMb}` });
    const transport = new Transport(to);
    this.models = new Models({ model, region, host, keys, storage, transport });
    this.contributing = new Contributing(storage, transport);
    this.lessons = new Lessons(storage);
    this.teaching = new Teaching(this.lessons);
    this.shared = new Shared(name, (message) => this.heard(message as Heard));
    this.counting = new Counting(storage, (work) => this.shared.inTurn("counts", work));
    this.outbox = new Outbox({
      ...{ model, storage, write: (entries) => this.counting.write(entries) },
      // It tries again by itself, as long as it takes.
      transport: new Transport({ ...to, tries: 1 }),
      onAnswer: (given) => this.finished(given),
      onRefused: (detail) => this.say("refused", detail),
    });
  }

  async start(): Promise<void> {
    await this.lessons.load();
    const kept = await this.models.kept();
    if (kept) await this.serve(kept);
    else await this.update();
    const everyMs = (this.options.updateSeconds ?? defaultUpdateSeconds) * 1_000;
    this.timer = setInterval(() => this.updateSoon(), everyMs);
    if (kept) this.updateSoon();
    globalThis.addEventListener?.("online", this.online);
    this.shared.alone(() => this.outbox.run());
  }

  async ask(inputs: DeviceInput[], options: DeviceAskOptions): Promise<DeviceAnswer[]> {
    const questions = await Promise.all(inputs.map((input) => questionOf(this.current(), input, options)));
    // Read again: the version before may have been released meanwhile.
    const served = this.current();
    const { manifest } = served;
    const answered = await answer(served, this.lessons, questions);
    const escalates = manifest.policy.ladder.includes("region") && (options.escalate ?? true);
    const room = answered.some(({ answer: given }) => !given.accepted) ? await this.outbox.room() : 0;
    const rising: Question[] = [];
    const answers = answered.map(({ question, answer: given, inference, isKnownBelow }): DeviceAnswer => {
      if (isKnownBelow && served === this.served) {
        this.lessons.notice(quantise(inference.embedding, manifest.thin.backbone.embedding.step));
      }
      this.counting.count("asked");
      if (given.accepted) this.counting.count(given.personal ? "personal" : "accepted");
      const up = given.accepted || !escalates ? null : withKnownCandidates(question, manifest.labels);
      if (!up) return given;
      // No rung will improve it.
      if (rising.length >= room) return { ...given, degraded: true };
      rising.push({ ...up, inference: shortened(inference) });
      return { ...given, status: "open" };
    });
    if (rising.length > 0) {
      this.counting.count("escalated", rising.length);
      // Stored before the caller sees that it is open.
      await this.counting.write(this.outbox.entriesOf(rising));
      this.outbox.sendSoon();
      this.shared.tell({ kind: "waiting" } satisfies Heard);
    }
    this.counting.soon(this.background);
    return answers;
  }

  async known(id: string): Promise<DeviceAnswer | null> {
    const known = this.recent.get(id);
    if (known || (await this.outbox.has(id))) return known ?? null;
    if (!this.recent.has(id)) await pause(messageDelayMs, undefined);
    const settled = this.recent.get(id);
    if (settled) return settled;
    throw new DeviceError(`Question ${id} does not wait for an answer here. GET /v1/questions/{id} may know it.`);
  }

  async learn(input: DeviceInput, label: string): Promise<Lesson> {
    const lesson = await this.shared.inTurnHere("lessons", () => this.teaching.learn(this.current(), input, label));
    this.tellLessons();
    return lesson;
  }

  async taught(): Promise<TaughtLabel[]> {
    return this.lessons.taught();
  }

  async exportHead(withInstances: boolean): Promise<ExportedHead> {
    return this.teaching.exported(this.current(), withInstances);
  }

  async importHead(head: ExportedHead): Promise<TaughtLabel[]> {
    await this.shared.inTurnHere("lessons", () => this.teaching.import(this.current(), head));
    this.tellLessons();
    return this.lessons.taught();
  }

  async forget(label: string | null): Promise<TaughtLabel[]> {
    await this.lessons.forget(label);
    this.tellLessons();
    return this.lessons.taught();
  }

  // In turn: two at once would have two ids, and only one of them could be withdrawn.
  contribute(): Promise<Contribution> {
    return this.shared.inTurn("contribution", async () =>
      this.contributing.contribute(this.current(), this.lessons.usable()),
    );
  }

  withdraw(): Promise<boolean> {
    return this.shared.inTurn("contribution", async () => this.contributing.withdraw(this.current()));
  }

  async state(): Promise<DeviceState> {
    const { serving, manifest, isOwnThin, network, regional } = this.current();
    const { head } = regional;
    return {
      ...{
        model: serving.model,
        region: serving.region,
        revision: serving.revision,
        isOwnThin,
        fault: this.fault ?? this.outbox.fault,
      },
      version: head ? `${serving.version}+${head.manifest.region}.${head.manifest.number}` : `${serving.version}`,
      backbone: manifest.thin.backbone.sha256,
      input: manifest.thin.input,
      labels: this.lessons.labels,
      memoryBytes: network.bytes,
      ...(await this.outbox.counts()),
      counts: await this.counting.counts(),
    };
  }

  update(): Promise<boolean> {
    this.updating ??= this.updateOnce().finally(() => {
      this.updating = null;
    });
    return this.updating;
  }

  async close(): Promise<void> {
    clearInterval(this.timer);
    globalThis.removeEventListener?.("online", this.online);
    this.outbox.end();
    this.shared.end();
    await this.counting.flush(this.background);
    this.served?.network.release();
    this.storage.close();
  }

  private readonly background = () => [this.lessons.backgroundEntry()];

  private readonly online = () => {
    this.outbox.sendSoon();
    this.updateSoon();
  };

  // What serves goes on serving: the state says why nothing newer does.
  private updateSoon(): void {
    void this.update().catch(() => {});
  }

  private async updateOnce(): Promise<boolean> {
    try {
      const newer = await this.models.newer(this.served);
      this.fault = null;
      if (!newer) return false;
      const isFirst = this.served === null;
      await this.shared.inTurnHere("lessons", () => this.serve(newer));
      if (!isFirst) void this.emit("update", await this.state());
      return true;
    } catch (error) {
      this.fault = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  // In turn with lessons: none is embedded by a network that is released, or is left behind by the next one.
  private async serve(served: Served): Promise<void> {
    const taught = await this.teaching.prepare(served);
    const before = this.served;
    // Together: a question is never answered by one version with the lessons of another.
    this.served = served;
    await taught();
    before?.network.release();
  }

  private current(): Served {
    if (this.served) return this.served;
    throw new DeviceError("The device has no model. Open it once with a network.");
  }

  private async finished(given: Answer): Promise<void> {
    await this.say("answer", given);
    this.counting.count("answered");
  }

  /** Tells this page, and the others that have the device open. */
  private async say<E extends "answer" | "refused">(event: E, detail: DeviceEvents[E]): Promise<void> {
    this.shared.tell({ kind: "event", event, detail } satisfies Heard);
    await this.hand(event, detail);
  }

  private async hand<E extends "answer" | "refused">(event: E, detail: DeviceEvents[E]): Promise<void> {
    if (event === "answer") {
      this.recent.set(detail.id, detail as DeviceAnswer);
      const [oldest] = this.recent.keys();
      if (this.recent.size > recentAnswers && oldest !== undefined) this.recent.delete(oldest);
    }
    await this.emit(event, detail);
  }

  private tellLessons(): void {
    this.shared.tell({ kind: "lessons" } satisfies Heard);
  }

  private heard(message: Heard): void {
    if (message.kind !== "lessons") this.outbox.changed();
    if (message.kind === "event") void this.hand(message.event, message.detail);
    else if (message.kind === "waiting") this.outbox.sendSoon();
    else void this.lessons.load();
  }
}

/** What pages with the same device tell each other. */
type Heard =
  | { kind: "waiting" }
  | { kind: "lessons" }
  | { kind: "event"; event: "answer" | "refused"; detail: DeviceEvents["answer" | "refused"] };
