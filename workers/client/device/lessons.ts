import { fromBase64, toBase64 } from "../../core/bytes.ts";
import type { Instance, OpenSums } from "../../core/contract/index.ts";
import { dequantise } from "../../core/head/embedding.ts";
import { scoresOf } from "../../core/head/head.ts";
import type { Label } from "../../core/head/label.ts";
import { fitOpenLabels, type OpenLabels } from "../../core/head/open-labels.ts";
import { fitPersonal, likeness, type PersonalHead } from "../../core/head/personal.ts";
import { decodeSums } from "../../core/head/sums.ts";
import { taskOf } from "../../core/task/index.ts";
import { DeviceError } from "./errors.ts";
import type { Served } from "./served.ts";
import type { DeviceStorage, ExportedExample, TaughtLabel } from "./types.ts";

/** What the device was taught once: an embedding and its label. */
export interface Example {
  key: string;
  label: string;
  backbone: string;
  vector: Int16Array<ArrayBuffer>;
  /** Kept so that another backbone can embed it; absent of an imported one. */
  instance?: Instance;
}

const prefix = "taught/";
const backgroundKey = "background";
/** The system that a lesson solves has a row for each: 500 take some tens of milliseconds. */
const examplesMax = 500;
const backgroundRows = 64;
/** The cosine from which two embeddings are of the same thing. */
const sameLikeness = 0.9999;
/** The cosine from which a question that was answered before is what is taught now. */
const nearLikeness = 0.95;

/** Embedded questions that the head below answers well, so that what is taught does not spread to everything. */
interface Background {
  backbone: string;
  /** How many were seen: each is kept with the same probability. */
  seen: number;
  vectors: Int16Array[];
}

/** What the device was taught, and the head that it makes. */
export class Lessons {
  private readonly storage: DeviceStorage;
  private examples: Example[] = [];
  private background: Background = { backbone: "", seen: 0, vectors: [] };
  private served: Served | null = null;
  /** Embeddings of the version's own examples. */
  private published: readonly Int16Array[] = [];
  /** All labels: the model's, then new ones in the order in which they were taught. */
  labels: string[] = [];
  /** Labels that contributions brought; null where there are none. */
  open: OpenLabels | null = null;
  head: PersonalHead | null = null;

  constructor(storage: DeviceStorage) {
    this.storage = storage;
  }

  /** Reads what was taught, also by other pages. */
  async load(): Promise<void> {
    this.examples = (await this.storage.list(prefix)).map(([, value]) => value as Example);
    const background = (await this.storage.get(backgroundKey)) as Background | undefined;
    // Another page may run another version already.
    const isOther = this.served && background?.backbone !== this.served.manifest.thin.backbone.sha256;
    if (background && !isOther) this.background = background;
    this.fit();
  }

  /** Returns the examples that another backbone embedded, and that can be embedded again. */
  stale(backbone: string): (Example & Required<Pick<Example, "instance">>)[] {
    return this.examples.flatMap((example) =>
      example.backbone !== backbone && example.instance !== undefined
        ? [{ ...example, instance: example.instance }]
        : [],
    );
  }

  /** Learns for a version: its backbone, and the head below, which may have changed. */
  serve(served: Served, published: readonly Int16Array[]): void {
    this.served = served;
    this.published = published;
    const { sha256 } = served.manifest.thin.backbone;
    if (this.background.backbone !== sha256) this.background = { backbone: sha256, seen: 0, vectors: [] };
    this.open = served.open && openLabelsOf(served.open, served, [...published, ...this.background.vectors]);
    this.fit();
  }

  /** Stores examples. One of the same thing with another label was wrong: the new one takes its place. */
  async add(examples: readonly Example[]): Promise<void> {
    const same = (one: Example, other: Example) =>
      one.key === other.key ||
      (one.label !== other.label &&
        one.backbone === other.backbone &&
        one.vector.length === other.vector.length &&
        likeness(one.vector, other.vector) >= sameLikeness);
    const replaced = this.examples.filter((one) => examples.some((other) => same(one, other)));
    const kept = this.examples.filter((one) => !replaced.includes(one));
    if (kept.length + examples.length > examplesMax) {
      throw new DeviceError(`A device keeps ${examplesMax} examples. Forget a label first: device.forget("…").`);
    }
    const isNear = (vector: Int16Array) => examples.some((one) => likeness(one.vector, vector) >= nearLikeness);
    this.background.vectors = this.background.vectors.filter((vector) => !isNear(vector));
    this.examples = [...kept, ...examples];
    await this.storage.write([
      ...examples.map((one) => [prefix + one.key, one] as const),
      ...replaced.flatMap(({ key }) =>
        examples.some((one) => one.key === key) ? [] : [[prefix + key, undefined] as const],
      ),
      [backgroundKey, this.background],
    ]);
    this.fit();
  }

  /** Forgets the examples of a label; null for all. */
  async forget(label: string | null): Promise<void> {
    const gone = this.examples.filter((one) => label === null || one.label === label);
    this.examples = this.examples.filter((one) => !gone.includes(one));
    await this.storage.write(gone.map(({ key }) => [prefix + key, undefined] as const));
    this.fit();
  }

  /** Remembers a question that the head below answered well. */
  notice(vector: Int16Array): void {
    const { vectors } = this.background;
    const at = Math.floor(Math.random() * ++this.background.seen);
    if (vectors.length < backgroundRows) vectors.push(vector);
    else if (at < backgroundRows) vectors[at] = vector;
  }

  backgroundEntry(): readonly [key: string, value: unknown] {
    return [backgroundKey, this.background];
  }

  taught(): TaughtLabel[] {
    const counts = Map.groupBy(this.examples, ({ label }) => label);
    const known = this.served?.manifest;
    return [...counts].map(([label, of]) => {
      return { label, isNew: known ? taskOf(known).labelOf(label) === null : false, examples: of.length };
    });
  }

  /** The examples that the backbone of the version has embedded. */
  usable(): Example[] {
    const { sha256 } = this.served?.manifest.thin.backbone ?? {};
    return this.examples.filter(({ backbone }) => backbone === sha256);
  }

  exported(withInstances: boolean): ExportedExample[] {
    return this.examples.map(({ label, backbone, vector, instance }) => {
      const own = withInstances && instance !== undefined ? { instance } : {};
      return { label, backbone, vector: toBase64(new Uint8Array(vector.buffer)), ...own };
    });
  }

  private fit(): void {
    if (!this.served) return;
    const { manifest, regional, network } = this.served;
    const { embedding } = manifest.thin.backbone;
    const background = [...this.published, ...this.background.vectors];
    const below = [...manifest.labels, ...(this.open?.labels ?? [])];
    const examples = this.usable();
    const task = taskOf(manifest);
    const added = examples.flatMap(({ label }) => (task.labelOf(label) === null ? [label] : []));
    this.labels = [...new Set([...below, ...added])];
    const weights = regional.head?.weights ?? network.head;
    const taught = examples.map(({ vector, label }) => {
      const known = task.labelOf(label) ?? this.labels.indexOf(label);
      const scores = scoresOf(weights, dequantise(vector, embedding.step));
      return { vector, label: known as Label, base: this.open?.extend(scores, vector) ?? scores };
    });
    this.head = taught.length > 0 ? fitPersonal(taught, background, this.labels.length) : null;
  }
}

function openLabelsOf(
  { backbone, labels, sums }: OpenSums,
  { manifest: { thin, labels: known, task } }: Served,
  background: readonly Int16Array[],
): OpenLabels | null {
  // What the rung above runs may be another network.
  if (backbone !== thin.backbone.sha256 || task === "regress") return null;
  const decoded = decodeSums(thin.head.width, labels.length, fromBase64(sums).buffer);
  return fitOpenLabels({ sums: decoded, labels, known: known.length }, background);
}

/** Reads an exported embedding. Throws `DeviceError` where it is damaged. */
export function importedVector({ label, vector }: ExportedExample): Int16Array<ArrayBuffer> {
  try {
    return new Int16Array(fromBase64(vector).buffer);
  } catch {
    throw new DeviceError(`The example of '${label}' is damaged. Export the head again.`);
  }
}
