import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Seconds that the slowest files take: a new clone has no record of them. */
const slowSeconds: Record<string, number> = {
  "journeys/learn-above": 40,
  "console/console": 50,
  "journeys/first-minutes": 35,
  "journeys/own-models": 25,
  "journeys/imported": 25,
  "journeys/transfer": 20,
  "journeys/numbers": 20,
  "journeys/hostile": 17,
  "journeys/question-up": 16,
  "core/confidence/certificate-lives": 14,
  "journeys/any-model": 13,
  "client/sdk": 13,
  "origin/learn/apart": 12,
  "origin/train/resume": 12,
  "durable-objects/region": 12,
  "durable-objects/canary": 22,
  "durable-objects/killed": 11,
  "durable-objects/prepare": 10,
  "durable-objects/forget": 9,
  "durable-objects/archive": 8,
};
/** Seconds of any other file. */
const usualSeconds = 1.5;

/**
 * Starts the slowest files first, and runs files in workerd beside files in Node. All files in workerd share one
 * process with one thread: two of them at a time would wait for each other.
 */
export class Balanced extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isInWorkerd = ({ project }: TestSpecification) => project.name.startsWith("workerd");
    const inWorkerd = startTimes(files.filter(isInWorkerd));
    const inNode = startTimes(files.filter((file) => !isInWorkerd(file)));
    return [...inWorkerd, ...inNode].sort((a, b) => a.startsAt - b.startsAt).map(({ file }) => file);
  }
}

/** Returns when each file would start if they ran one after the other, the slowest first. */
function startTimes(files: readonly TestSpecification[]): { file: TestSpecification; startsAt: number }[] {
  let startsAt = 0;
  return files
    .map((file) => ({ file, seconds: secondsOf(file) }))
    .sort((a, b) => b.seconds - a.seconds || (a.file.project.name < b.file.project.name ? -1 : 1))
    .map(({ file, seconds }) => {
      startsAt += seconds;
      return { file, startsAt: startsAt - seconds };
    });
}

function secondsOf({ moduleId }: TestSpecification): number {
  const known = Object.keys(slowSeconds).find((name) => moduleId.includes(`/test/${name}.`));
  return known === undefined ? usualSeconds : (slowSeconds[known] as number);
}
