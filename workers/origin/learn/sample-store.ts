import { appendFile, mkdir, readFile, rename, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { UpriverClient } from "#client/index.ts";
import type { SampleLine } from "#core/contract/index.ts";
import type { LabelledSample } from "./mix.ts";

/**
 * The regions' samples on the origin's disk, each once. Pages are appended as they come, each followed by the cursor to
 * go on from: what a kill cut off has no cursor behind it, and comes again.
 */
export class SampleStore {
  private readonly folder: string;

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Fetches what changed since the last time; what was forgotten goes from the disk, too. */
  async pull(client: UpriverClient, model: string): Promise<{ added: number; known: number }> {
    const kept = await this.open();
    const before = kept.samples.size;
    let { cursor } = kept;
    let hasForgotten = false;
    for (let more = true; more; ) {
      const page = await client.samples(model, cursor ?? undefined);
      ({ cursor, more } = page);
      await appendFile(this.path, textOf(page.lines, cursor));
      for (const line of page.lines) {
        hasForgotten ||= "forgotten" in line;
        take(kept.samples, line);
      }
    }
    if (hasForgotten) await this.rewrite([...kept.samples.values()], cursor as string);
    return { added: Math.max(0, kept.samples.size - before), known: kept.samples.size };
  }

  /** Every sample that is known, the last state of each. */
  async read(): Promise<LabelledSample[]> {
    return [...(await this.open()).samples.values()];
  }

  // Reads what is whole, and cuts off what is not.
  private async open(): Promise<{ samples: Map<string, LabelledSample>; cursor: string | null }> {
    await mkdir(this.folder, { recursive: true });
    const file = await readFile(this.path).catch(() => Buffer.alloc(0));
    const samples = new Map<string, LabelledSample>();
    let page: SampleLine[] = [];
    let cursor: string | null = null;
    let wholeBytes = 0;
    for (let from = 0; from < file.length; ) {
      const end = file.indexOf("\n", from);
      if (end < 0) break;
      const line = JSON.parse(file.toString("utf8", from, end)) as SampleLine | { cursor: string };
      from = end + 1;
      if (!("cursor" in line)) {
        page.push(line);
        continue;
      }
      for (const sample of page) take(samples, sample);
      page = [];
      ({ cursor } = line);
      wholeBytes = from;
    }
    if (wholeBytes < file.length) await truncate(this.path, wholeBytes);
    return { samples, cursor };
  }

  private async rewrite(samples: readonly SampleLine[], cursor: string): Promise<void> {
    const part = `${this.path}.part`;
    await writeFile(part, textOf(samples, cursor));
    await rename(part, this.path);
  }

  private get path(): string {
    return join(this.folder, "samples.ndjson");
  }
}

function take(samples: Map<string, LabelledSample>, line: SampleLine): void {
  if (!("id" in line)) {
    for (const [key, { region, revision }] of samples) {
      if (region === line.region && revision < line.revision) samples.delete(key);
    }
    return;
  }
  const key = `${line.region}|${line.id}`;
  // Sent again after a cut, a line may be older than what is known.
  if ((samples.get(key)?.revision ?? 0) > line.revision) return;
  if ("forgotten" in line) samples.delete(key);
  else samples.set(key, line);
}

function textOf(lines: readonly SampleLine[], cursor: string): string {
  return [...lines, { cursor }].map((line) => `${JSON.stringify(line)}\n`).join("");
}
