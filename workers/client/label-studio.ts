import type { LabelStudioImported } from "./contract.ts";

/** A task that Label Studio exported as JSON: the fields that an import reads. */
export interface AnnotatedTask {
  data: { upriver_id: string };
  annotations?: readonly unknown[];
}

/** Most tasks in one request; the edge accepts no more. */
const importMaxTasks = 500;

/** Divides tasks into requests, without the instances, which the edge knows. */
export function taskBatches(tasks: readonly AnnotatedTask[]): AnnotatedTask[][] {
  const slim = tasks.map(({ data, annotations = [] }) => ({ data: { upriver_id: data?.upriver_id }, annotations }));
  return Array.from({ length: Math.ceil(slim.length / importMaxTasks) }, (_, i) =>
    slim.slice(i * importMaxTasks, (i + 1) * importMaxTasks),
  );
}

/** Adds up the results of several requests. */
export function mergeImports(results: readonly LabelStudioImported[]): LabelStudioImported {
  const sum = (of: (result: LabelStudioImported) => number) => results.reduce((total, result) => total + of(result), 0);
  return {
    accepted: sum(({ accepted }) => accepted),
    skipped: sum(({ skipped }) => skipped),
    refused: results.flatMap(({ refused }) => refused),
  };
}
