import { readFile, writeFile } from "node:fs/promises";
import type { AnnotatedTask, LabelStudioImported, UpriverClient } from "#client/index.ts";

interface ExportedTasks {
  tasks: number;
  file: string;
  config: string;
}

/** Writes open questions as tasks for Label Studio, with the labelling configuration beside them. */
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

/** Answers questions from a JSON file that Label Studio exported. */
export async function importTasks(
  client: UpriverClient,
  model: string,
  file: string,
  options: { reviewer?: string },
): Promise<LabelStudioImported> {
  const tasks = parseJson(await readFile(file, "utf8"));
  if (Array.isArray(tasks)) return client.labelStudioImport(model, tasks as AnnotatedTask[], options);
  throw new Error(
    `${file} must hold the JSON array of tasks that Label Studio exports. In Label Studio: Export, JSON.`,
  );
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
