import type { LabelStudioImported } from "./contract.ts";

/** A task as Label Studio exports it as JSON: of it, what is read. */
export interface AnnotatedTask {
  data: { upriver_id: string };
  annotations?: readonly unknown[];
}

/** Tasks in one request at most; the system's own limit. */
const importMaxTasks = 500;

/** Tasks as they are sent: without what was to be labelled, in as many parts as they need. */
export function taskBatches(tasks: readonly AnnotatedTask[]): AnnotatedTask[][] {
  const slim = tasks.map(({ data, annotations = [] }) => ({ data: { upriver_id: data?.upriver_id }, annotations }));
  return Array.from({ length: Math.ceil(slim.length / importMaxTasks) }, (_, i) =>
    slim.slice(i * importMaxTasks, (i + 1) * importMaxTasks),
  );
}

export function mergeImports(parts: readonly LabelStudioImported[]): LabelStudioImported {
  const sum = (of: (part: LabelStudioImported) => number) => parts.reduce((total, part) => total + of(part), 0);
  return {
    accepted: sum(({ accepted }) => accepted),
    skipped: sum(({ skipped }) => skipped),
    refused: parts.flatMap(({ refused }) => refused),
  };
}
