import { BaseSequencer, type TestSpecification } from "vitest/node";

/** The slowest files, slowest first: a new clone has no record of how long each took. */
const slowest = [
  // CI still installs a browser, PyTorch and a Vulkan driver: these need none.
  "journeys/package",
  "journeys/imported",
  "journeys/first-minutes",
  "journeys/own-models",
  "journeys/learn-above",
  // Training gives way to other processes, and the console's browser takes all cores: not at the same time.
  "console/console",
  "journeys/any-model",
  "origin/torch/apart",
  "journeys/node",
  "origin/torch/parity",
  "origin/containerfile",
  "journeys/nodes",
  "origin/torch/resume",
  "journeys/regress",
  "journeys/from-labels",
  "journeys/transfer",
  "journeys/numbers",
  "journeys/teachable",
  "journeys/hostile",
  "journeys/question-up",
  "core/confidence/certificate-lives",
  "origin/learn/apart",
  "origin/train/resume",
  "client/sdk",
  "durable-objects/canary",
  "durable-objects/budget-month",
  "durable-objects/faults",
  "durable-objects/archive",
  "durable-objects/external-rungs",
  "edge/neighbours",
  "durable-objects/budget",
  "durable-objects/killed",
  "durable-objects/prepare",
  "edge/scopes",
  "durable-objects/poisoning",
  "durable-objects/restore",
  "durable-objects/live-rule",
];

/**
 * Starts the slowest files first, so that none runs alone at the end, and keeps the files of a project together: a worker
 * serves the files of one project, and a new one loads the edge again.
 */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification) => {
      const at = slowest.findIndex((name) => moduleId.includes(`/test/${name}.`));
      return at === -1 ? slowest.length : at;
    };
    const projects = ["node", "node-alone", "workerd-alone", "workerd"];
    const order = ({ project }: TestSpecification) => projects.indexOf(project.name);
    return (await super.sort(files)).sort((a, b) => order(a) - order(b) || rank(a) - rank(b));
  }
}
