import type { ClassifyManifest } from "../contract/index.ts";
import { classifyTask } from "./classify.ts";
import { regressTask } from "./regress.ts";
import type { Task } from "./task.ts";

export type { Said, Task } from "./task.ts";

const tasks = new WeakMap<readonly string[], Task>();

/** Returns the task of a model that learns. */
export function taskOf({ labels, number }: Pick<ClassifyManifest, "labels" | "number">): Task {
  const known = tasks.get(labels);
  if (known) return known;
  const task = number ? regressTask(number, labels) : classifyTask(labels);
  tasks.set(labels, task);
  return task;
}
