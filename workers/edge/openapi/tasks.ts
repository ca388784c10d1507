/** What routes are for: the tags of the OpenAPI document, in the order of the page. The first that a path matches is its own. */
const tasks: readonly { name: string; description: string; paths: RegExp }[] = [
  {
    name: "Other protocols",
    description:
      "The same models by the protocols of other servers: Open Inference, TensorFlow Serving, decision models.",
    paths: /^\/v2|:(predict|regress|classify)$|\/metadata$|systemone|decisions/,
  },
  {
    name: "Get alerted",
    description: "Alerts about models and regions, and the webhooks that receive them.",
    paths: /\/(alerts|webhooks)/,
  },
  {
    name: "Review",
    description: "Questions that no model accepted, for people.",
    paths: /\/review|\/(answer|skip|flag)$/,
  },
  {
    name: "Teach",
    description: "Labels, the samples that they make, and how to forget them.",
    paths: /\/(truth|truths|samples)$|\/contributions/,
  },
  {
    name: "Watch",
    description: "What every rung does, region by region and over time.",
    paths: /^\/metrics|\/(ladder|series|regions|runs|checks|status)|^\/v1\/models\/\{model\}\/questions$|\/way$/,
  },
  {
    name: "Train and roll out",
    description: "Versions, how they are made, and which callers they serve.",
    paths: /\/(versions|blobs|trainings|rollout|rollback|canary|manifest|recipe|restore|origin)/,
  },
  {
    name: "Give access",
    description: "Tokens, nodes, and what was done with them.",
    paths: /^\/v1\/(tokens?|audit|nodes)/,
  },
  {
    name: "Ask",
    description: "Questions and their answers, and the models that can be asked.",
    paths: /^\/v1\/(models|questions|answers)/,
  },
  {
    name: "Look up",
    description: "Whether the deployment is up, and what its API is.",
    paths: /^\//,
  },
];

/** The order in which the page shows them. */
const order = [
  "Ask",
  "Teach",
  "Review",
  "Train and roll out",
  "Watch",
  "Get alerted",
  "Give access",
  "Other protocols",
  "Look up",
];

/** The tags of the document. */
export const tags = order.flatMap((name) => {
  const task = tasks.find((one) => one.name === name);
  return task ? [{ name, description: task.description }] : [];
});

/** Returns the task that a route is for. */
export function taskOf(path: string): string {
  return (tasks.find(({ paths }) => paths.test(path)) ?? tasks[0])?.name as string;
}
