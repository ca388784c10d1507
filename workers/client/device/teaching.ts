import type { Instance } from "../../core/contract/index.ts";
import { mintId } from "../../core/ids.ts";
import { taskOf } from "../../core/task/index.ts";
import { embeddingOf, questionOf } from "./answering.ts";
import { DeviceError } from "./errors.ts";
import { type Example, importedVector, type Lessons } from "./lessons.ts";
import type { Served } from "./served.ts";
import type { DeviceInput, ExportedHead, Lesson } from "./types.ts";

const format = "upriver-device/1";
/** Examples of a version that stand for what it knows well. */
const publishedExamples = 16;
const labelMaxChars = 256;

/** Turns what a person shows into examples of the version that serves. */
export class Teaching {
  private readonly lessons: Lessons;

  constructor(lessons: Lessons) {
    this.lessons = lessons;
  }

  async learn(served: Served, input: DeviceInput, given: string): Promise<Lesson> {
    const label = checkedLabel(served, given);
    const { instance } = await questionOf(served, input);
    const startedAt = performance.now();
    await this.lessons.add([exampleOf(served, label, await embeddingOf(served, instance), instance)]);
    const ms = performance.now() - startedAt;
    const taught = this.lessons.taught().find((one) => one.label === label);
    return { label, isNew: taught?.isNew ?? false, examples: taught?.examples ?? 0, ms };
  }

  exported({ serving: { model } }: Served, withInstances: boolean): ExportedHead {
    return { format, model, examples: this.lessons.exported(withInstances) };
  }

  /** Adds exported examples, all or none. */
  async import(served: Served, head: ExportedHead): Promise<void> {
    const { model } = served.serving;
    if (head.format !== format || head.model !== model) {
      throw new DeviceError(`This is no head of '${model}' in the format ${format}.`);
    }
    const { backbone } = served.manifest.thin;
    const added: Example[] = [];
    for (const given of head.examples) {
      const { instance } = given;
      const label = checkedLabel(served, given.label);
      const isUsable = given.backbone === backbone.sha256;
      if (!isUsable && !instance) {
        throw new DeviceError(
          "The examples are of another backbone, and come without their instances: export them with { instances: true }.",
        );
      }
      const vector = isUsable ? importedVector(given) : await embeddingOf(served, instance as Instance);
      if (vector.length !== backbone.embedding.width) throw new DeviceError(`The example of '${label}' is damaged.`);
      added.push(exampleOf(served, label, vector, instance));
    }
    await this.lessons.add(added);
  }

  /** Embeds what another version needs of the lessons; the result makes them its own, at once. */
  async prepare(served: Served): Promise<() => Promise<void>> {
    const { sha256 } = served.manifest.thin.backbone;
    // What a version can't embed it can't learn from.
    const embedded = (instance: Instance) => embeddingOf(served, instance).catch(() => null);
    const published: Int16Array[] = [];
    for (const instance of served.manifest.examples.slice(0, publishedExamples)) {
      const vector = await embedded(instance);
      if (vector) published.push(vector);
    }
    const moved: Example[] = [];
    for (const example of this.lessons.stale(sha256)) {
      const vector = await embedded(example.instance);
      if (vector) moved.push({ ...example, backbone: sha256, vector });
    }
    return async () => {
      this.lessons.serve(served, published);
      if (moved.length > 0) await this.lessons.add(moved);
    };
  }
}

/** Returns a label as the model has it, or a new one. Throws `DeviceError` for what is none. */
function checkedLabel({ manifest }: Served, label: string): string {
  const known = taskOf(manifest).parse(label);
  if (known !== null) return known;
  if (manifest.task === "regress") throw new DeviceError(`'${label}' is no number, such as 24.5.`);
  if (label.trim() === "" || label.length > labelMaxChars || label === "__proto__") {
    throw new DeviceError(`A label must have 1 to ${labelMaxChars} characters.`);
  }
  return label;
}

function exampleOf(
  { serving: { model, region }, manifest }: Served,
  label: string,
  vector: Int16Array<ArrayBuffer>,
  instance?: Instance,
): Example {
  // Sorts by when it was taught.
  const key = mintId({ model, region }).split("~")[2] as string;
  const backbone = manifest.thin.backbone.sha256;
  return { key, label, backbone, vector, ...(instance === undefined ? {} : { instance }) };
}
