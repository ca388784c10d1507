import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Training } from "#core/contract/index.ts";

/** Jobs on the origin's disk: a folder each, with its state, and what its steps leave for the next. */
export class TrainingStore {
  private readonly folder: string;
  private saving: Promise<void> = Promise.resolve();

  constructor(folder: string) {
    this.folder = folder;
  }

  /** Every job, in the order in which they were given. */
  async all(): Promise<Training[]> {
    const ids = await readdir(this.folder).catch(() => []);
    const trainings = await Promise.all(ids.map((id) => this.read(id)));
    return trainings.filter((training) => training !== null).sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  }

  /** Saves a job's state: whole or not at all, and one after another. */
  save(training: Training): Promise<void> {
    const saved = this.saving.then(() => this.write(training));
    this.saving = saved.catch(() => {});
    return saved;
  }

  folderOf({ id }: Pick<Training, "id">): string {
    return join(this.folder, id);
  }

  /** The page that its training wrote; null before it has. */
  report(training: Pick<Training, "id">): Promise<string | null> {
    return readFile(join(this.folderOf(training), "report.html"), "utf8").catch(() => null);
  }

  async remove({ id }: Pick<Training, "id">): Promise<void> {
    await rm(join(this.folder, id), { recursive: true, force: true });
  }

  private async write(training: Training): Promise<void> {
    const folder = this.folderOf(training);
    await mkdir(folder, { recursive: true });
    const part = join(folder, "job.json.part");
    await writeFile(part, JSON.stringify(training, null, 2));
    await rename(part, join(folder, "job.json"));
  }

  private async read(id: string): Promise<Training | null> {
    const text = await readFile(join(this.folder, id, "job.json"), "utf8").catch(() => null);
    return text === null ? null : JSON.parse(text);
  }
}
