import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Projects in the order in which they start: files that wait for processes first, the many short ones last. */
const projects = ["node-alone", "workerd", "workerd-alone", "node"];
/** The slowest files, slowest first: a new clone has no record of how long each took. */
const slowest = [
  "journeys/learn-above",
  "console/console",
  "journeys/first-minutes",
  "journeys/numbers",
  "journeys/imported",
  "journeys/hostile",
  "journeys/question-up",
  "journeys/own-models",
  "journeys/transfer",
  "origin/train/resume",
  "scripts/scripts",
  "durable-objects/canary",
  "durable-objects/killed",
  "durable-objects/prepare",
  "core/confidence/certificate-lives",
];

/** Starts the slowest files first, so that none of them runs alone at the end. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = slowest.findIndex((name) => moduleId.includes(`/test/${name}.`));
      return at === -1 ? slowest.length : at;
    };
    const order = ({ project }: TestSpecification) => projects.indexOf(project.name);
    return (await super.sort(files)).sort((a, b) => order(a) - order(b) || rank(a) - rank(b));
  }
}
