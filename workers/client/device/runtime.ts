import type { Answer, Instance, Question } from "../../core/contract/index.ts";
import { quantise } from "../../core/head/embedding.ts";
import { mintId } from "../../core/ids.ts";
import { rungHostOf } from "../../core/rung-kind.ts";
import { taskOf } from "../../core/task/index.ts";
import { Transport } from "../transport.ts";
import { answer, withKnownCandidates } from "./answering.ts";
import { Contributing } from "./contributing.ts";
import { Counting } from "./counting.ts";
import { DeviceError } from "./errors.ts";
import { indexedStorage } from "./indexed-storage.ts";
import { type Example, importedVector, Lessons } from "./lessons.ts";
import { memoryStorage } from "./memory-storage.ts";
import { Models } from "./models.ts";
import { Outbox } from "./outbox.ts";
import { instanceOf } from "./pictures.ts";
import type { Served } from "./served.ts";
import { Shared } from "./shared.ts";
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
/** Examples of a version that stand for what it knows well. */
const publishedExamples = 16;
const labelMaxChars = 256;

/** Opens the model side of a device: in a page's worker, in a worker, or in Node. */
export async function openRuntime(options: RuntimeOptions, emit: Emit): Promise<DeviceApi> {
  const { url, model, region } = options;
  const name = `upriver ${new URL(url).origin} ${model} ${region}`;
  const isIndexed = options.storage === undefined && typeof indexedDB !== "undefined";
  const storage = options.storage ?? (isIndexed ? await indexedStorage(name) : memoryStorage());
  const runtime = new Runtime(options, emit, storage, isIndexed ? name : null);
  await runtime.start();
  return runtime;
}

class Runtime implements DeviceApi {
  private readonly options: RuntimeOptions;
  private readonly emit: Emit;
  private readonly storage: DeviceStorage;
  private readonly models: Models;
  private readonly lessons: Lessons;
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
    this.counting = new Counting(storage);
    this.shared = new Shared(name, (message) => this.heard(message as Heard));
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
    const questions = await Promise.all(inputs.map((input) => this.question(input, options)));
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
      rising.push({ ...up, inference });
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
    const gone = this.recent.get(id);
    if (gone) return gone;
    throw new DeviceError(`Question ${id} does not wait for an answer here. GET /v1/questions/{id} may know it.`);
  }

  async learn(input: DeviceInput, label: string): Promise<Lesson> {
    const { manifest } = this.current();
    const parsed = taskOf(manifest).parse(label);
    if (parsed === null && manifest.task === "regress") throw new DeviceError(`'${label}' is no number, such as 24.5.`);
    if (parsed === null && (label.trim() === "" || label.length > labelMaxChars || label === "__proto__")) {
      throw new DeviceError(`A label must have 1 to ${labelMaxChars} characters.`);
    }
    const question = await this.question(input, {});
    const startedAt = performance.now();
    const vector = await this.embed(question.instance);
    await this.lessons.add([this.example(parsed ?? label, vector, question.instance)]);
    this.tellLessons();
    const ms = performance.now() - startedAt;
    const taught = this.lessons.taught().find((one) => one.label === (parsed ?? label));
    return { label: parsed ?? label, isNew: taught?.isNew ?? false, examples: taught?.examples ?? 0, ms };
  }

  async taught(): Promise<TaughtLabel[]> {
    return this.lessons.taught();
  }

  async exportHead(withInstances: boolean): Promise<ExportedHead> {
    return {
      format: "upriver-device/1",
      model: this.options.model,
      examples: this.lessons.exported(withInstances),
    };
  }

  async importHead({ format, model, examples }: ExportedHead): Promise<TaughtLabel[]> {
    if (format !== "upriver-device/1" || model !== this.options.model) {
      throw new DeviceError(`This is no head of '${this.options.model}' in the format upriver-device/1.`);
    }
    const { backbone } = this.current().manifest.thin;
    const added: Example[] = [];
    for (const given of examples) {
      const { label, instance } = given;
      const isUsable = given.backbone === backbone.sha256;
      if (!isUsable && !instance) {
        throw new DeviceError(
          "The examples are of another backbone, and come without their instances: export them with { instances: true }.",
        );
      }
      const vector = isUsable ? importedVector(given) : await this.embed(instance as Instance);
      if (vector.length !== backbone.embedding.width) throw new DeviceError(`The example of '${label}' is damaged.`);
      added.push(this.example(label, vector, instance));
    }
    await this.lessons.add(added);
    this.tellLessons();
    return this.lessons.taught();
  }

  async forget(label: string | null): Promise<TaughtLabel[]> {
    await this.lessons.forget(label);
    this.tellLessons();
    return this.lessons.taught();
  }

  contribute(): Promise<Contribution> {
    return this.contributing.contribute(this.current(), this.lessons.usable());
  }

  withdraw(): Promise<boolean> {
    return this.contributing.withdraw(this.current());
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
      await this.serve(newer);
      if (!isFirst) void this.emit("update", await this.state());
      return true;
    } catch (error) {
      this.fault = error instanceof Error ? error.message : String(error);
      throw error;
    }
  }

  private async serve(served: Served): Promise<void> {
    const before = this.served;
    this.served = served;
    const { manifest } = served;
    const published: Int16Array[] = [];
    for (const instance of manifest.examples.slice(0, publishedExamples)) {
      published.push(await this.embed(instance).catch(() => new Int16Array(0)));
    }
    this.lessons.serve(
      served,
      published.filter(({ length }) => length > 0),
    );
    const moved: Example[] = [];
    for (const example of this.lessons.stale(manifest.thin.backbone.sha256)) {
      const vector = await this.embed(example.instance).catch(() => null);
      if (vector) moved.push({ ...example, backbone: manifest.thin.backbone.sha256, vector });
    }
    if (moved.length > 0) await this.lessons.add(moved);
    if (before && before.network !== served.network) before.network.release();
  }

  private current(): Served {
    if (this.served) return this.served;
    throw new DeviceError("The device has no model. Open it once with a network.");
  }

  private async question(input: DeviceInput, { candidates, top }: DeviceAskOptions): Promise<Question> {
    const { model, region } = this.options;
    const instance = await instanceOf(input, this.current().manifest.thin.input);
    const chosen = { ...(candidates ? { candidates } : {}), ...(top === undefined ? {} : { top }) };
    return { id: mintId({ model, region }), region, instance, at: Date.now(), ...chosen };
  }

  private async embed(instance: Instance): Promise<Int16Array<ArrayBuffer>> {
    const served = this.current();
    const [answered] = await answer(served, { head: null, open: null, labels: [] }, [
      await this.question(instance, {}),
    ]);
    const { step } = served.manifest.thin.backbone.embedding;
    return quantise(answered?.inference.embedding ?? [], step);
  }

  private example(label: string, vector: Int16Array<ArrayBuffer>, instance?: Instance): Example {
    const { model, region } = this.options;
    const backbone = this.current().manifest.thin.backbone.sha256;
    const key = mintId({ model, region }).split("~")[2] as string;
    return { key, label, backbone, vector, ...(instance === undefined ? {} : { instance }) };
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
