import { type Jobs, jobRetryMaxMs, jobRetryMs } from "../../jobs.ts";
import type { StoredSample } from "../api.ts";
import type { CountedEmbedding, Embeddings } from "../tables/embeddings.ts";
import type { Samples } from "../tables/samples.ts";

/** Bytes of inputs that a region keeps in its object. */
const samplesMaxBytes = 256 * 1024 * 1024;
/** Samples that go to R2 at a time. */
const archiveRows = 1_000;

/** No more go than must: of what may stay at hand, the share that leaves at a time. */
const shareAtOnce = 0.05;

/** A line of an archive: a sample, with its embeddings and what the sums hold of them. */
interface Line extends StoredSample {
  embeddings: (Omit<CountedEmbedding, "vector"> & { vector: string })[];
}

interface ArchiveFile {
  file: number;
  key: string;
  firstRevision: number;
  lastRevision: number;
  rows: number;
}

interface ArchiveNeeds {
  model: string;
  region: string;
  env: Pick<Env, "ARTEFACTS">;
  storage: DurableObjectStorage;
  jobs: Jobs;
  samples: Samples;
  embeddings: Embeddings;
}

/** Samples that left the region object: gzipped NDJSON in R2. The sums still count them; an index knows where each is. */
export class Archive {
  private readonly needs: ArchiveNeeds;

  constructor(needs: ArchiveNeeds) {
    this.needs = needs;
  }

  /** Whether more than `max` samples are at hand, or more bytes of them than a region may keep. */
  isDue(max: number): boolean {
    const { rows, bytes } = this.needs.samples.size();
    return rows > max || bytes > samplesMaxBytes;
  }

  /** The job `archive`: moves what changed longest ago to R2, a file at a time, until at most `max` are left. */
  async step(max: number): Promise<number | null> {
    const { samples, embeddings, storage, jobs, env } = this.needs;
    if (!this.isDue(max)) return null;
    // A run under way keeps what it learns from.
    if (jobs.isAny("retrain")) return Date.now() + jobRetryMs;
    const rows = samples.oldestCounted(Math.min(archiveRows, Math.ceil(max * shareAtOnce)));
    if (rows.length === 0) {
      // What the sums don't hold yet would never come in.
      jobs.bring("schedule", "", Date.now());
      return Date.now() + jobRetryMs;
    }
    const { file, key } = this.addFile(rows);
    await env.ARTEFACTS.put(key, await gzipped(rows.map((row) => toLine(row, embeddings.of(row.number)))));
    storage.transactionSync(() => {
      // What was corrected meanwhile is newer than the file: it stays.
      const moved = rows.filter((row) => samples.find(row.id)?.revision === row.revision);
      for (const { id, number } of moved) {
        this.sql.exec("INSERT OR REPLACE INTO archived VALUES (?, ?)", hashOf(id), file);
        samples.remove(id, false);
        embeddings.remove(number);
      }
      this.sql.exec("UPDATE archives SET rows = ? WHERE file = ?", moved.length, file);
      if (moved.length === rows.length) jobs.drop("purge", String(file));
      else jobs.put("purge", String(file), Date.now());
    });
    return this.isDue(max) ? Date.now() : null;
  }

  /** Brings archived samples back among the others, as they were, where their ids are archived. */
  async restore(ids: readonly string[]): Promise<void> {
    const { samples, embeddings, storage, jobs } = this.needs;
    const wanted = ids.flatMap((id) => {
      const file = this.fileOf(id);
      return file === null ? [] : [{ id, file }];
    });
    for (const [file, group] of Map.groupBy(wanted, (one) => one.file)) {
      const lines = new Map((await this.read(file)).map((line) => [line.id, line]));
      storage.transactionSync(() => {
        for (const { id } of group) {
          const line = lines.get(id);
          // Somebody else may have brought it back while the file was read.
          if (!line || this.fileOf(id) === null) continue;
          const { embeddings: encoded, ...sample } = line;
          samples.restore(sample);
          for (const one of encoded) embeddings.restore(sample.number, { ...one, vector: fromBase64(one.vector) });
          this.sql.exec("DELETE FROM archived WHERE hash = ?", hashOf(id));
          this.sql.exec("UPDATE archives SET rows = rows - 1 WHERE file = ?", file);
        }
        jobs.put("purge", String(file), Date.now());
      });
    }
  }

  /** The job `purge`: writes a file again without what is no longer archived in it. */
  async purge(key: string): Promise<null> {
    const { env } = this.needs;
    const file = this.files().find((one) => one.file === Number(key));
    if (!file) return null;
    if (file.rows === 0) {
      await env.ARTEFACTS.delete(file.key);
      this.sql.exec("DELETE FROM archives WHERE file = ?", file.file);
      return null;
    }
    const lines = await this.read(file.file);
    await env.ARTEFACTS.put(file.key, await gzipped(lines.filter(({ id }) => this.fileOf(id) === file.file)));
    return null;
  }

  /** Archived samples that changed after a revision, of the first file that has such; null when none has. */
  async since(revision: number): Promise<{ samples: StoredSample[]; lastRevision: number } | null> {
    const file = this.files().find(({ lastRevision, rows }) => lastRevision > revision && rows > 0);
    if (!file) return null;
    const lines = await this.read(file.file);
    const samples = lines
      .filter(({ id, revision: changed }) => changed > revision && this.fileOf(id) === file.file)
      .map(({ embeddings: _, ...sample }) => sample);
    return { samples, lastRevision: file.lastRevision };
  }

  /** How many samples are archived. */
  count(): number {
    return this.files().reduce((sum, { rows }) => sum + rows, 0);
  }

  /** Deletes every file: the region is forgotten. */
  async removeAll(): Promise<void> {
    for (const { key } of this.files()) await this.needs.env.ARTEFACTS.delete(key);
  }

  private files(): ArchiveFile[] {
    return this.sql
      .exec<Record<string, SqlStorageValue> & ArchiveFile>("SELECT * FROM archives ORDER BY firstRevision")
      .toArray();
  }

  // Before it is written, and of no rows: should the object die meanwhile, `purge` takes the file away.
  private addFile(rows: readonly StoredSample[]): { file: number; key: string } {
    const { model, region, storage, jobs } = this.needs;
    const [first, last] = [rows[0] as StoredSample, rows.at(-1) as StoredSample];
    return storage.transactionSync(() => {
      const query = "INSERT INTO archives (key, firstRevision, lastRevision, rows) VALUES ('', ?, ?, 0) RETURNING file";
      const { file } = this.sql.exec<{ file: number }>(query, first.revision, last.revision).one();
      const day = new Date(first.at).toISOString().slice(0, 10);
      const key = `samples/${model}/${encodeURIComponent(region)}/${day}-${file}.ndjson.gz`;
      this.sql.exec("UPDATE archives SET key = ? WHERE file = ?", key, file);
      jobs.put("purge", String(file), Date.now() + jobRetryMaxMs);
      return { file, key };
    });
  }

  private fileOf(id: string): number | null {
    const query = "SELECT file FROM archived WHERE hash = ?";
    return this.sql.exec<{ file: number }>(query, hashOf(id)).toArray()[0]?.file ?? null;
  }

  private async read(file: number): Promise<Line[]> {
    const { key } = this.files().find((one) => one.file === file) as ArchiveFile;
    const object = await this.needs.env.ARTEFACTS.get(key);
    if (!object) throw new Error(`The archive ${key} is not in R2. Restore it from a copy.`);
    const text = await new Response(object.body.pipeThrough(new DecompressionStream("gzip"))).text();
    return text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line) as Line);
  }

  private get sql(): SqlStorage {
    return this.needs.storage.sql;
  }
}

function toLine(sample: StoredSample, embeddings: readonly CountedEmbedding[]): Line {
  return { ...sample, embeddings: embeddings.map((one) => ({ ...one, vector: toBase64(one.vector) })) };
}

async function gzipped(lines: readonly Line[]): Promise<ArrayBuffer> {
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

/** 53 bits of an id, by FNV-1a from two seeds: ten million ids collide with a chance of 1 in 200. */
function hashOf(id: string): number {
  const high = fnv1a(id, 0x811c9dc5) & 0x1fffff;
  return high * 2 ** 32 + fnv1a(id, 0x9e3779b9);
}

function fnv1a(text: string, seed: number): number {
  let hash = seed;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
