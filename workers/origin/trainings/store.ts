import { mkdir, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Training, trainingSchema } from "#core/contract/index.ts";
import { listIfPresent, readIfPresent } from "../disk.ts";

const recordFile = "training.json";

/** The trainings on the origin's disk: a folder each, with its record and what its steps leave for the next. */
export class TrainingStore {
  private readonly folder: string;
  private saving: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Reads every training, the oldest first. Throws when one is there but cannot be read. */
  async all(): Promise<Training[]> {
    const ids = await listIfPresent(this.folder);
    const trainings = await Promise.all(ids.map((id) => this.read(id)));
    return trainings.filter((training) => training !== null).sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  /** Saves a training's record atomically; saves happen one after another. */
  save(training: Training): Promise<void> {
    const saved = this.saving.then(() => this.write(training));
    // The caller handles the failure; it must not stop the next save.
    this.saving = saved.catch(() => {});
    return saved;
  }

  folderOf({ id }: Pick<Training, "id">): string {
    return join(this.folder, id);
  }

  /** Reads a training's report page; null before it has been written. */
  async report(training: Pick<Training, "id">): Promise<string | null> {
    const page = await readIfPresent(join(this.folderOf(training), "report.html"));
    return page?.toString("utf8") ?? null;
  }

  async remove({ id }: Pick<Training, "id">): Promise<void> {
    await rm(join(this.folder, id), { recursive: true, force: true });
  }

  private async write(training: Training): Promise<void> {
    const folder = this.folderOf(training);
    await mkdir(folder, { recursive: true });
    const part = join(folder, `${recordFile}.part`);
    await writeFile(part, JSON.stringify(training, null, 2));
    await rename(part, join(folder, recordFile));
  }

  // Null for a folder whose record was never written: the origin was killed before its training began.
  private async read(id: string): Promise<Training | null> {
    const path = join(this.folder, id, recordFile);
    const text = await readIfPresent(path);
    if (text === null) return null;
    const training = parseJson(text.toString("utf8"));
    if (trainingSchema.safeParse(training).success) return training as Training;
    throw new Error(
      `${path} is not a training's record. Delete the folder ${join(this.folder, id)}, then start again.`,
    );
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
