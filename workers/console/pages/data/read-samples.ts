import type { SampleLine, UpriverClient } from "#client/index.ts";

/** A labelled sample. */
export type Sample = Extract<SampleLine, { label: string }>;

/** Samples that this page holds at most, and their size as JSON. */
export const samplesMax = 50_000;
const textMax = 64 * 1024 * 1024;

/** Reads a model's samples, page by page, until there are more than this page holds; then `isAll` is false. */
export async function readSamples(
  client: Pick<UpriverClient, "samples">,
  model: string,
  onProgress: (read: number) => void,
): Promise<{ samples: Sample[]; isAll: boolean }> {
  const known = new Map<string, Sample>();
  let size = 0;
  for (let since: string | undefined; ; ) {
    const { lines, cursor, more } = await client.samples(model, since);
    for (const line of lines) {
      apply(known, line);
      size += JSON.stringify(line).length;
    }
    onProgress(known.size);
    if (!more || known.size >= samplesMax || size >= textMax) {
      const samples = [...known.values()].slice(0, samplesMax);
      return { samples: samples.sort((a, b) => b.at - a.at), isAll: !more && known.size <= samplesMax };
    }
    since = cursor;
  }
}

// A page lists what was forgotten last. A label that came after that has a higher revision, and stays.
function apply(known: Map<string, Sample>, line: SampleLine): void {
  if ("label" in line) known.set(line.id, line);
  else if (line.forgotten === true) forget(known, line.id, line.revision);
  else for (const [id, { region }] of known) if (region === line.region) forget(known, id, line.revision);
}

function forget(known: Map<string, Sample>, id: string, revision: number): void {
  if ((known.get(id)?.revision ?? 0) < revision) known.delete(id);
}

/** Which samples are shown and exported. */
export interface SampleFilter {
  region: string;
  label: string;
  source: string;
  /** ISO dates of data time: from the first on, before the second. */
  since: string;
  until: string;
}

/** Tells whether a sample passes a filter; an empty field takes all. */
export function isWanted({ region, label, source, at }: Sample, filter: SampleFilter): boolean {
  return (
    (filter.region === "" || filter.region === region) &&
    (filter.label === "" || filter.label === label) &&
    (filter.source === "" || filter.source === source) &&
    (filter.since === "" || at >= Date.parse(filter.since)) &&
    (filter.until === "" || at < Date.parse(filter.until))
  );
}
