import { type Jobs, jobRetryMaxMs, jobRetryMs } from "#objects/jobs.ts";
import type { StoredSample } from "../api.ts";
import type { ArchiveFile, Archives } from "../tables/archives.ts";
import type { CountedEmbedding, Embeddings } from "../tables/embeddings.ts";
import type { OwnedSample, Samples } from "../tables/samples.ts";

/** Bytes of instances that a region keeps in its object. */
const samplesMaxBytes = 256 * 1024 * 1024;
/** Samples that go to R2 at a time, at most. */
const archiveRows = 1_000;
/** The share of the samples that goes to R2 at a time. */
const shareAtOnce = 0.05;

/** A line of an archive: a sample, its embeddings, and what the sums contain of them. */
interface ArchiveLine extends StoredSample {
  embeddings: (Omit<CountedEmbedding, "vector"> & { vector: string })[];
}

/** What archiving reads and changes. */
interface ArchiveNeeds {
  model: string;
  region: string;
  bucket: R2Bucket;
  archives: Archives;
  samples: Pick<Samples, "size" | "oldestCounted" | "find" | "remove" | "restore">;
  embeddings: Pick<Embeddings, "of" | "remove" | "restore">;
  jobs: Pick<Jobs, "isAny" | "put" | "bringForward" | "drop">;
  transaction: <T>(work: () => T) => T;
}

/** Archived samples: gzipped NDJSON in R2. The sums still contain them. */
export class Archive {
  private readonly needs: ArchiveNeeds;

  constructor(needs: ArchiveNeeds) {
    this.needs = needs;
  }

  /** Returns whether the object has more than `max` samples, or more bytes of them than it may keep. */
  isDue(max: number): boolean {
    const { rows, bytes } = this.needs.samples.size();
    return rows > max || bytes > samplesMaxBytes;
  }

  /** The job `archive`: moves the samples that changed longest ago to R2, one file at a time, until `max` are left. */
  async step(max: number): Promise<number | null> {
    const { samples, embeddings, archives, jobs, bucket, transaction } = this.needs;
    if (!this.isDue(max)) return null;
    // A run in progress needs its samples.
    if (jobs.isAny("retrain")) return Date.now() + jobRetryMs;
    const rows = samples.oldestCounted(Math.min(archiveRows, Math.ceil(max * shareAtOnce)));
    if (rows.length === 0) {
      // Samples that the sums do not contain yet would never be counted.
      jobs.bringForward("schedule", "", Date.now());
      return Date.now() + jobRetryMs;
    }
    const { file, key } = this.addFile(rows);
    await bucket.put(key, await gzipped(rows.map((row) => toLine(row, embeddings.of(row.number)))));
    transaction(() => {
      // A sample that was corrected in the meantime is newer than the file: it stays.
      const moved = rows.filter((row) => samples.find(row.id)?.revision === row.revision);
      for (const { id, number } of moved) {
        archives.add(id, file);
        samples.remove(id, false);
        embeddings.remove(number);
      }
      archives.setRows(file, moved.length);
      if (moved.length === rows.length) jobs.drop("purge", String(file));
      else jobs.put("purge", String(file), Date.now());
    });
    return this.isDue(max) ? Date.now() : null;
  }

  /** Moves archived samples back into the object, as they were. Ids that are not archived change nothing. */
  async restore(ids: readonly string[]): Promise<void> {
    const { samples, embeddings, archives, jobs, transaction } = this.needs;
    const wanted = ids.flatMap((id) => {
      const file = archives.fileOf(id);
      return file === null ? [] : [{ id, file }];
    });
    for (const [file, group] of Map.groupBy(wanted, (one) => one.file)) {
      const lines = new Map((await this.read(file)).map((line) => [line.id, line]));
      transaction(() => {
        for (const { id } of group) {
          const line = lines.get(id);
          // Another call may have restored it while the file was read.
          if (!line || archives.fileOf(id) === null) continue;
          const { embeddings: encoded, ...sample } = line;
          samples.restore(sample);
          for (const one of encoded) embeddings.restore(sample.number, { ...one, vector: fromBase64(one.vector) });
          archives.remove(id, file);
        }
        jobs.put("purge", String(file), Date.now());
      });
    }
  }

  /** Returns the archived samples that a token owns or has labelled. Reads every file. */
  async ownedBy(owner: string): Promise<OwnedSample[]> {
    const { archives } = this.needs;
    const owned: OwnedSample[] = [];
    for (const { file, rows } of archives.files()) {
      if (rows === 0) continue;
      for (const { id, number, source, trusted, ...line } of await this.read(file)) {
        const isOwn = line.owner === owner || line.labelledBy === owner;
        if (isOwn && archives.fileOf(id) === file) owned.push({ id, number, source, trusted });
      }
    }
    return owned;
  }

  /** The job `purge`: rewrites a file without the samples that are no longer archived in it. */
  async purge(key: string): Promise<null> {
    const { bucket, archives } = this.needs;
    const file = archives.file(Number(key));
    if (!file) return null;
    if (file.rows === 0) {
      await bucket.delete(file.key);
      archives.removeFile(file.file);
      return null;
    }
    const lines = await this.read(file.file);
    await bucket.put(file.key, await gzipped(lines.filter(({ id }) => archives.fileOf(id) === file.file)));
    return null;
  }

  /** Returns the archived samples of the first file with changes after a revision; null where there is none. */
  async since(revision: number): Promise<{ samples: StoredSample[]; lastRevision: number } | null> {
    const { archives } = this.needs;
    const file = archives.files().find(({ lastRevision, rows }) => lastRevision > revision && rows > 0);
    if (!file) return null;
    const lines = await this.read(file.file);
    const samples = lines
      .filter(({ id, revision: changed }) => changed > revision && archives.fileOf(id) === file.file)
      .map(({ embeddings: _, ...sample }) => sample);
    return { samples, lastRevision: file.lastRevision };
  }

  /** Returns the number of archived samples. */
  count(): number {
    return this.needs.archives.files().reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Deletes every file from R2. */
  async removeAll(): Promise<void> {
    for (const { key } of this.needs.archives.files()) await this.needs.bucket.delete(key);
  }

  // Adds the file before it is written, without samples: if the object dies in between, `purge` deletes it.
  private addFile(rows: readonly StoredSample[]): { file: number; key: string } {
    const { model, region, archives, jobs, transaction } = this.needs;
    const [first, last] = [rows[0] as StoredSample, rows.at(-1) as StoredSample];
    const day = new Date(first.at).toISOString().slice(0, 10);
    return transaction(() => {
      const added = archives.addFile(
        first.revision,
        last.revision,
        (file) => `samples/${model}/${encodeURIComponent(region)}/${day}-${file}.ndjson.gz`,
      );
      jobs.put("purge", String(added.file), Date.now() + jobRetryMaxMs);
      return added;
    });
  }

  private async read(file: number): Promise<ArchiveLine[]> {
    const { key } = this.needs.archives.file(file) as ArchiveFile;
    const object = await this.needs.bucket.get(key);
    if (!object) throw new Error(`The archive ${key} is missing in R2. Restore it from a backup.`);
    const text = await new Response(object.body.pipeThrough(new DecompressionStream("gzip"))).text();
    return text
      .trimEnd()
      .split("\n")
      .map((line) => ({ ...byEarlierRelease, ...(JSON.parse(line) as ArchiveLine) }));
  }
}

/** What the lines of an earlier release lack. */
const byEarlierRelease = { labelledBy: null, trusted: true };

function toLine(sample: StoredSample, embeddings: readonly CountedEmbedding[]): ArchiveLine {
  return { ...sample, embeddings: embeddings.map((one) => ({ ...one, vector: toBase64(one.vector) })) };
}

async function gzipped(lines: readonly ArchiveLine[]): Promise<ArrayBuffer> {
  const text = lines.map((line) => `${JSON.stringify(line)}\n`).join("");
  const stream = new Response(text).body as ReadableStream<Uint8Array<ArrayBuffer>>;
  return new Response(stream.pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
}

function toBase64(vector: Int16Array): string {
  return btoa(String.fromCharCode(...new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength)));
}

function fromBase64(text: string): Int16Array<ArrayBuffer> {
  return new Int16Array(Uint8Array.from(atob(text), (character) => character.charCodeAt(0)).buffer);
}
