import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import * as z from "zod";
import { readIfPresent } from "../disk.ts";

export const epochSchema = z.object({
  epoch: z.int(),
  loss: z.number(),
  validationLoss: z.number(),
  learningRate: z.number(),
});
/** The losses of one pass over the training rows. */
export type EpochRecord = z.infer<typeof epochSchema>;

const stateSchema = z.object({
  /** Hash of plan, data, seed and backend: a training continues only from a checkpoint with the same one. */
  fingerprint: z.string(),
  isFinished: z.boolean(),
  epoch: z.int(),
  /** Batches of this epoch that are done, and the sum of their losses weighted by rows. */
  step: z.int(),
  lossSum: z.number(),
  waited: z.int(),
  bestLoss: z.number().nullable(),
  history: z.array(epochSchema),
  /** Training seconds so far, interruptions excluded. */
  seconds: z.number(),
});
/** How far a training has come. */
export type TrainingState = z.infer<typeof stateSchema>;

/** A training at one moment: how far it has come, and its numbers by name. */
export interface Checkpoint {
  state: TrainingState;
  values: Record<string, Float32Array[]>;
}

const headerBytes = 4;

/** A folder with the latest checkpoint of each network. A checkpoint is replaced atomically. */
export class Checkpoints {
  /** How often a training saves one, besides at the end of each epoch. */
  readonly saveEveryMs: number;
  private readonly folder: string;
  private onSaved: (() => void) | null = null;

  constructor(folder: string, saveEveryMs = 15_000) {
    this.folder = folder;
    this.saveEveryMs = saveEveryMs;
  }

  /** Reads the latest checkpoint; null when there is none, or it is damaged or of another plan or other data. */
  async read(name: string, fingerprint: string): Promise<Checkpoint | null> {
    const file = await readIfPresent(this.path(name));
    if (!file) return null;
    const checkpoint = decode(file);
    return checkpoint?.state.fingerprint === fingerprint ? checkpoint : null;
  }

  /** Whether a training saves one now, that has last saved one at `savedAt`. */
  isDue(savedAt: number, now: number): boolean {
    return this.onSaved !== null || now - savedAt > this.saveEveryMs;
  }

  /** Has the training that runs save one as soon as it can; resolves when it has. */
  saveSoon(): Promise<void> {
    return new Promise((resolve) => {
      this.onSaved = resolve;
    });
  }

  /** Whether a caller is waiting for a checkpoint. */
  get isWanted(): boolean {
    return this.onSaved !== null;
  }

  /** Tells the waiting caller that a checkpoint is saved, by this process or by another program. */
  saved(): void {
    this.onSaved?.();
    this.onSaved = null;
  }

  async write(name: string, checkpoint: Checkpoint): Promise<void> {
    await mkdir(this.folder, { recursive: true });
    const part = `${this.path(name)}.part`;
    // Renamed into place, so that a training killed here still has the previous one.
    await writeFile(part, encode(checkpoint));
    await rename(part, this.path(name));
    this.saved();
  }

  /** Deletes all checkpoints: the training is done, or must start over. */
  async clear(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }

  private path(name: string): string {
    return join(this.folder, `${name}.checkpoint`);
  }
}

// Layout: length of the JSON header, the header, then all numbers in the order of its `lengths`.
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

/** Null for bytes that are no complete checkpoint. */
function decode(file: Uint8Array): Checkpoint | null {
  try {
    return decodeWhole(new Uint8Array(file));
  } catch {
    return null;
  }
}

function decodeWhole(bytes: Uint8Array<ArrayBuffer>): Checkpoint {
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
