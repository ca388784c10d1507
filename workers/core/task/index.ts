import type { NumberTask } from "../contract/index.ts";
import { classifyTask } from "./classify.ts";
import { regressTask } from "./regress.ts";
import type { Task } from "./task.ts";

export type { Said, Task } from "./task.ts";

const tasks = new WeakMap<object, Task>();

/** What defines the task of a model: its labels; of numbers the names of its bins, and the bins. */
export interface TaskSpec {
  labels: readonly string[];
  number?: NumberTask | undefined;
}

/** Returns the task of a model that learns. */
export function taskOf({ labels, number }: TaskSpec): Task {
  const known = tasks.get(number ?? labels);
  if (known) return known;
  const task = number ? regressTask(number, labels) : classifyTask(labels);
  tasks.set(number ?? labels, task);
  return task;
}
