import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";

const epochSchema = z.object({
  epoch: z.int(),
  loss: z.number(),
  validationLoss: z.number(),
  learningRate: z.number(),
});
/** One pass over the training rows. */
export type EpochRecord = z.infer<typeof epochSchema>;

const stateSchema = z.object({
  /** What must be the same for the state to fit: plan, data, seed, backend. */
  fingerprint: z.string(),
  isFinished: z.boolean(),
  epoch: z.int(),
  /** Batches of this epoch that are done, the sum of their losses, and the rows in them. */
  step: z.int(),
  lossSum: z.number(),
  waited: z.int(),
  bestLoss: z.number().nullable(),
  history: z.array(epochSchema),
  /** Training seconds so far, over all sittings. */
  seconds: z.number(),
});
/** Where a training is. */
export type TrainingState = z.infer<typeof stateSchema>;

/** A training at a moment: where it is, and its numbers by name. */
export interface Checkpoint {
  state: TrainingState;
  values: Record<string, Float32Array[]>;
}

const headerBytes = 4;

/** Keeps a training's snapshots in a folder, one a name, the last of each; each is whole or not there. */
export class Checkpoints {
  /** How often a training leaves one, ms, besides at the end of each epoch. */
  readonly everyMs: number;
  private readonly folder: string;

  constructor(folder: string, everyMs = 15_000) {
    this.folder = folder;
    this.everyMs = everyMs;
  }

  /** The last snapshot that fits; null where there is none, or one of another plan or other data. */
  async read(name: string, fingerprint: string): Promise<Checkpoint | null> {
    const file = await readFile(this.path(name)).catch(() => null);
    if (!file) return null;
    try {
      const snapshot = decode(file);
      return snapshot.state.fingerprint === fingerprint ? snapshot : null;
    } catch {
      return null;
    }
  }

  async write(name: string, snapshot: Checkpoint): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const part = `${this.path(name)}.part`;
    // Renamed into place, so that a training killed here still has the one before.
    await writeFile(part, encode(snapshot));
    await rename(part, this.path(name));
  }

  /** Forgets everything: the training is done, or is to begin anew. */
  async clear(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private path(name: string): string {
    return join(this.folder, `${name}.checkpoint`);
  }
}

// The length of a JSON header, the header, and then all numbers in the order that it names.
function encode({ state, values }: Checkpoint): Uint8Array {
  const lengths = Object.fromEntries(Object.entries(values).map(([name, parts]) => [name, parts.map((p) => p.length)]));
  const text = JSON.stringify({ state, lengths });
  const header = new TextEncoder().encode(text.padEnd(Math.ceil(text.length / 4) * 4));
  const numbers = Object.values(values).flat();
  const out = new Uint8Array(
    headerBytes + header.length + numbers.reduce((sum, { byteLength }) => sum + byteLength, 0),
  );
  new DataView(out.buffer).setUint32(0, header.length, true);
  out.set(header, headerBytes);
  let offset = headerBytes + header.length;
  for (const part of numbers) {
    out.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), offset);
    offset += part.byteLength;
  }
  return out;
}

const headerSchema = z.object({ state: stateSchema, lengths: z.record(z.string(), z.array(z.int())) });

function decode(file: Uint8Array): Checkpoint {
  const bytes = new Uint8Array(file);
  const headerLength = new DataView(bytes.buffer).getUint32(0, true);
  const text = new TextDecoder().decode(bytes.subarray(headerBytes, headerBytes + headerLength));
  const { state, lengths } = headerSchema.parse(JSON.parse(text));
  let offset = headerBytes + headerLength;
  const read = (length: number) => {
    const part = new Float32Array(bytes.buffer.slice(offset, offset + length * 4));
    offset += length * 4;
    return part;
  };
  const values = Object.fromEntries(Object.entries(lengths).map(([name, parts]) => [name, parts.map(read)]));
  return { state, values };
}
