import { readFile, writeFile } from "node:fs/promises";
import type { AnnotatedTask, LabelStudioImported, UpriverClient } from "#client/index.ts";

interface ExportedTasks {
  tasks: number;
  file: string;
  config: string;
}

/** Writes open questions as Label Studio's tasks, and its labelling configuration beside them. */
export async function exportTasks(
  client: UpriverClient,
  model: string,
  file: string,
  options: { reviewer?: string },
): Promise<ExportedTasks> {
  const config = `${file.replace(/\.json$/, "")}.config.xml`;
  const tasks = await client.labelStudioTasks(model, options);
  await writeFile(file, JSON.stringify(tasks, null, 1));
  await writeFile(config, await client.labelStudioConfig(model));
  return { tasks: tasks.length, file, config };
}

/** Answers questions by a file that Label Studio exported as JSON. */
export async function importTasks(
  client: UpriverClient,
  model: string,
  file: string,
  options: { reviewer?: string },
): Promise<LabelStudioImported> {
  const tasks: unknown = await readFile(file, "utf8")
    .then(JSON.parse)
    .catch((cause: Error) => {
      throw new Error(`${file}: expected JSON that Label Studio exported, but ${cause.message}`, { cause });
    });
  if (Array.isArray(tasks)) return client.labelStudioImport(model, tasks as AnnotatedTask[], options);
  throw new Error(`${file}: expected an array of tasks. In Label Studio, choose Export, JSON.`);
}
