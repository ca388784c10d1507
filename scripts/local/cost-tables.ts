import { billOf, type Deployment, freePlanMost, freePlanUse, overviewHour } from "#core/cost/bill.ts";
import { type Operations, operations, sumOf, usdOf, waiting } from "#core/cost/index.ts";
import type { Billed } from "#core/cost/prices.ts";
import { count } from "#core/format.ts";

const none = { region: 0, origin: 0, decision: 0 };
const usual = { kept: 0.02, hoursPerDay: 12, samples: 2_000, retrains: 1, versions: 2, consoleHours: 0.1 };

/** Three usual deployments, by their names in the README. */
export const deployments: Record<string, { says: string; deployment: Deployment }> = {
  "a tool of one team": {
    says: "3,000 questions a day in one region; 10% to an origin (200 ms), 1% to a person, 10% get a truth",
    deployment: {
      ...{ ...usual, questionsPerDay: 3_000, isolates: 3, regionsPerIsolate: 1, regions: 1 },
      ...{ ended: { ...none, origin: 0.1 }, waitMs: 200, reviewed: 0.01, taught: 0.1 },
    },
  },
  "a chain of 300 stores": {
    says: "1,000,000 a day in 300 regions; 5% to an origin (200 ms), 0.1% to a person, 20% get a truth",
    deployment: {
      ...{ ...usual, questionsPerDay: 1_000_000, isolates: 60, regionsPerIsolate: 8, regions: 300 },
      ...{ ended: { ...none, origin: 0.05 }, waitMs: 200, reviewed: 0.001, taught: 0.2, consoleHours: 1 },
    },
  },
  "tickets below a decision model": {
    says: "200,000 a day in one region; 40% to a decision model with a budget (600 ms), 3% to a person",
    deployment: {
      ...{ ...usual, questionsPerDay: 200_000, isolates: 10, regionsPerIsolate: 1, regions: 1, kept: 0.03 },
      ...{ ended: { ...none, decision: 0.4 }, waitMs: 600, reviewed: 0.03, taught: 0, consoleHours: 1 },
    },
  },
};

const usd = (n: number) => (n === 0 ? "–" : n < 0.005 ? "<$0.01" : `$${n < 100 ? n.toFixed(2) : count(Math.round(n))}`);
const row = (cells: readonly (string | number)[]) => `| ${cells.join(" | ")} |`;
const table = (head: string[], rows: (string | number)[][]) =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

/** The table of monthly bills in the README. */
export function billTable(): string {
  const rows = Object.entries(deployments).map(([name, { says, deployment }]) => {
    const { usd: whole, causes } = billOf(deployment);
    const most = Object.entries(causes)
      .sort((a, b) => b[1] - a[1])
      .slice(0, 2);
    const isFree = Object.values(freePlanUse(deployment)).every((share) => share <= 1);
    return [name, says, usd(whole), most.map(([cause, n]) => `${cause} ${usd(n)}`).join(", "), isFree ? "yes" : "no"];
  });
  return table(
    ["deployment", "a day", "a month, paid plan", "most of it, before what the plan includes", "free plan"],
    rows,
  );
}

/** What the free plan takes of the first deployment, in the README. */
export function freePlanText(): string {
  const { deployment } = deployments["a tool of one team"] as { deployment: Deployment };
  const { questionsPerDay, limit } = freePlanMost(deployment);
  const edgeOnly = { ...deployment, ended: none, kept: 0, reviewed: 0, taught: 0, retrains: 0, consoleHours: 0 };
  const edge = freePlanMost(edgeOnly);
  const [hour, wide] = [overviewHour(1), overviewHour(1_000)];
  return [
    `The free plan takes ${count(roundDown(questionsPerDay))} questions a day of such a tool (its limit: ${titles[limit as Billed]}),`,
    `or ${count(roundDown(edge.questionsPerDay))} that the edge answers alone (${titles[edge.limit as Billed]}).`,
    `An hour with an open tab of the overview takes ${count(hour.workerRequests ?? 0)} requests,`,
    `${count(hour.objectRequests ?? 0)} calls of objects and ${count(hour.r2ClassA ?? 0)} lists of R2 with one model, whether it has one region or`,
    `1,000: then ${count(wide.rowsRead ?? 0)} rows are read besides, and the hour costs $${usdOf(wide).toFixed(3)}. A hidden tab asks nothing.`,
  ].join("\n");
}

const titles: Partial<Record<Billed | "storage", string>> = {
  workerRequests: "requests",
  objectRequests: "requests of objects",
  objectGbSeconds: "time of objects",
  rowsRead: "rows read",
  rowsWritten: "rows written",
  kvReads: "KV reads",
  kvWrites: "KV writes",
  kvDeletes: "KV deletes",
  kvLists: "KV lists",
  r2ClassA: "writes and lists of R2",
  r2ClassB: "reads of R2",
  storage: "storage of objects",
};

const roundDown = (n: number) => Math.floor(n / 100) * 100;

/** The price of a million questions by the shape of the ladder, in OPERATIONS.md. */
export function ladderTable(): string {
  const waitMs = 200;
  const edge: Operations = operations.edge;
  const alone = waiting(waitMs);
  const shapes: [string, Operations][] = [
    ["the edge alone", edge],
    ["edge; all kept in the region", sumOf([edge, 1], [operations.kept, 1])],
    ["edge, region: its semantic cache answers", sumOf([edge, 1], [operations.cached, 1])],
    ["edge, region: the edge's answer is final", sumOf([edge, 1], [operations.region, 1])],
    ["edge, region, origin", sumOf([edge, 1], [operations.origin, 1], [alone, 1])],
    ["edge, region, person", sumOf([edge, 1], [operations.region, 1], [operations.reviewed, 1])],
    ["edge, region, origin, person", sumOf([edge, 1], [operations.origin, 1], [alone, 1], [operations.reviewed, 1])],
    ["edge, region, decision model with a budget", sumOf([edge, 1], [operations.decision, 1], [waiting(600), 1])],
    ["a truth, beside", operations.taught],
    ["a truth in a batch, beside", operations.taughtInBatch],
    ["a wait of a minute for a person (`Prefer: wait=60`), beside", sumOf([operations.read, 1], [waiting(60_000), 1])],
  ];
  const rows = shapes.map(([name, what]) => [
    name,
    ...(["objectRequests", "rowsWritten"] as const).map((item) => String(what[item] ?? 0)),
    usd(1e6 * usdOf(what)),
  ]);
  return table(["every question reaches", "calls of objects", "rows written", "a million"], rows);
}

/** What a question costs its region while the rung above takes its time, by how many wait at once; in OPERATIONS.md. */
export function waitingTable(): string {
  const rates = [0, 0.1, 1, 10, 100];
  const rows = [50, 200, 600, 2_000].map((ms) => [
    `${ms} ms`,
    ...rates.map((perSecond) => usd(1e6 * usdOf(waiting(ms, perSecond)))),
  ]);
  const heads = rates.map((n) => (n === 0 ? "one by one" : `${n}/s`));
  return table(["the rung above takes", ...heads], rows);
}

/** What documents show, by the name of the block and the file that has it: `<!-- costs:name -->`, the text, `<!-- /costs -->`. */
export const costBlocks: Record<string, { file: string; text: () => string }> = {
  bills: { file: "README.md", text: billTable },
  "free-plan": { file: "README.md", text: freePlanText },
  ladders: { file: "OPERATIONS.md", text: ladderTable },
  waiting: { file: "OPERATIONS.md", text: waitingTable },
  paths: { file: "OPERATIONS.md", text: pathTable },
};

/** Returns a document with its blocks as they should be. */
export function withCosts(file: string, markdown: string): string {
  return Object.entries(costBlocks).reduce((text, [name, block]) => {
    if (block.file !== file) return text;
    const [before, rest, ...more] = text.split(`<!-- costs:${name} -->\n`);
    const end = rest?.indexOf("<!-- /costs -->") ?? -1;
    if (rest === undefined || end < 0 || more.length > 0)
      throw new Error(`${file} must have one block costs:${name}, from <!-- costs:${name} --> to <!-- /costs -->`);
    return `${before}<!-- costs:${name} -->\n${block.text()}\n${rest.slice(end)}`;
  }, markdown);
}

/** All paths with their billed operations and price, in OPERATIONS.md. */
function pathTable(): string {
  const items: [string, Billed[]][] = [
    ["requests", ["workerRequests"]],
    ["calls of objects", ["objectRequests"]],
    ["rows written", ["rowsWritten"]],
    ["rows read", ["rowsRead"]],
    ["KV reads, writes", ["kvReads", "kvWrites"]],
    ["R2 A, B", ["r2ClassA", "r2ClassB"]],
  ];
  const rows = Object.entries(operations).map(([name, what]: [string, Operations]) => [
    `\`${name}\``,
    ...items.map(([, of]) => (of.some((item) => what[item]) ? of.map((item) => what[item] ?? 0).join(", ") : "")),
    usd(1e6 * usdOf(what)),
  ]);
  return table(["path", ...items.map(([title]) => title), "a million"], rows);
}
