import { createReadStream } from "node:fs";
import { appendFile, mkdir, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { UpriverClient } from "#client/index.ts";
import type { SampleLine } from "#core/contract/index.ts";
import { listIfPresent, readIfPresent } from "../disk.ts";
import type { LabelledSample } from "./mix.ts";

const fileName = "samples.ndjson";

type StoredLine = SampleLine | { cursor: string };

/**
 * The regions' samples on disk, each once. Pages are appended as they arrive, each followed by the cursor of the next: a
 * page that was cut off by a kill has no cursor behind it and is fetched again.
 */
export class SampleStore {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Fetches what changed since the last pull, and deletes forgotten samples from the disk. */
  async pull(client: UpriverClient, model: string): Promise<{ added: number; known: number }> {
    const stored = await this.open();
    const before = stored.samples.size;
    let { cursor } = stored;
    let hasForgotten = false;
    for (let more = true; more; ) {
      const page = await client.samples(model, cursor ?? undefined);
      ({ cursor, more } = page);
      await appendFile(this.path, textOf(page.lines, cursor));
      for (const line of page.lines) {
        hasForgotten ||= "forgotten" in line;
        apply(stored.samples, line);
      }
    }
    if (hasForgotten) await this.rewrite([...stored.samples.values()], cursor as string);
    return { added: Math.max(0, stored.samples.size - before), known: stored.samples.size };
  }

  /** Reads every known sample in its latest revision. */
  async read(): Promise<LabelledSample[]> {
    return [...(await this.open()).samples.values()];
  }

  // Reads the complete pages, and truncates the file after them.
  private async open(): Promise<{ samples: Map<string, LabelledSample>; cursor: string | null }> {
    await mkdir(this.folder, { recursive: true });
    const file = (await readIfPresent(this.path)) ?? Buffer.alloc(0);
    const samples = new Map<string, LabelledSample>();
    let page: SampleLine[] = [];
    let cursor: string | null = null;
    let completeBytes = 0;
    for (let from = 0; from < file.length; ) {
      const end = file.indexOf("\n", from);
      if (end < 0) break;
      const line = this.parse(file.toString("utf8", from, end), from);
      from = end + 1;
      if (!("cursor" in line)) {
        page.push(line);
        continue;
      }
      for (const sample of page) apply(samples, sample);
      page = [];
      ({ cursor } = line);
      completeBytes = from;
    }
    if (completeBytes < file.length) await truncate(this.path, completeBytes);
    return { samples, cursor };
  }

  private parse(text: string, offset: number): StoredLine {
    const line = parseLine(text);
    if (line === null) {
      throw new Error(`${this.path} is damaged at byte ${offset}. Delete the file; the samples are fetched again.`);
    }
    if (!("fold" in line)) return line;
    throw new Error(
      `${this.path} was written by Upriver 0.1, which this version cannot read. Delete the file; the samples are ` +
        "fetched again.",
    );
  }

  private async rewrite(samples: readonly SampleLine[], cursor: string): Promise<void> {
    const part = `${this.path}.part`;
    await writeFile(part, textOf(samples, cursor));
    await rename(part, this.path);
  }

  private get path(): string {
    return join(this.folder, fileName);
  }
}

/** Whether a folder holds samples that version 0.1 wrote: they have a `fold` where there is a `split` now. */
export async function isFromVersion01(folder: string): Promise<boolean> {
  if (!(await listIfPresent(folder)).includes(fileName)) return false;
  const stream = createReadStream(join(folder, fileName));
  try {
    for await (const text of createInterface({ input: stream })) {
      const line = parseLine(text);
      if (line && "label" in line) return "fold" in line;
    }
    return false;
  } finally {
    stream.destroy();
  }
}

function parseLine(text: string): StoredLine | null {
  try {
    return JSON.parse(text) as StoredLine;
  } catch {
    return null;
  }
}

function apply(samples: Map<string, LabelledSample>, line: SampleLine): void {
  if (!("id" in line)) {
    for (const [key, { region, revision, epoch }] of samples) {
      if (region === line.region && (isOther(epoch, line.epoch) || revision < line.revision)) samples.delete(key);
    }
    return;
  }
  const key = `${line.region}|${line.id}`;
  // A page that is fetched again may hold an older revision than the known one. An object that lost its state counts from 1
  // again, in another epoch: what it says is newer.
  const known = samples.get(key);
  const isSame = !isOther(known?.epoch, line.epoch);
  if (known && isSame && known.revision > line.revision) return;
  if ("forgotten" in line) samples.delete(key);
  else samples.set(key, line);
}

function textOf(lines: readonly SampleLine[], cursor: string): string {
  return [...lines, { cursor }].map((line) => `${JSON.stringify(line)}\n`).join("");
}

// Lines of an earlier release have no epoch: a line with one is newer.
function isOther(known: string | undefined, epoch: string | undefined): boolean {
  return epoch !== undefined && known !== epoch;
}
