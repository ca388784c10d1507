import { testTokens } from "../helpers/bindings.ts";
import { type TestModel, testModel } from "../helpers/model.ts";

/** What sends a request of the journey to an edge. */
export type Send = (
  method: string,
  path: string,
  init: { headers: Record<string, string>; body?: string | Uint8Array<ArrayBuffer> },
) => Promise<Response>;

/** A step of the journey with the status of its reply. */
export interface Step {
  step: string;
  status: number;
}

export const journeyModel = "neighbour";

type TokenId = (typeof testTokens)[number]["id"];

/** The versions that the journey publishes: the second is its canary. */
export async function journeyModels(model = journeyModel): Promise<TestModel[]> {
  const policy = {
    ladder: ["edge" as const, "region" as const, "human" as const],
    keep: "all" as const,
    auditShare: 0.5,
    truth: "complete" as const,
  };
  return Promise.all(
    [1, 2].map((version) => testModel({ model, version, seed: version, threshold: 0.9, policy: { ...policy } })),
  );
}

/** Uses every part of an edge once, with the same names and ids each time. Returns the status of each step. */
export async function journey(
  send: Send,
  onStep: (step: number) => void = () => {},
  model = journeyModel,
): Promise<Step[]> {
  const steps: Step[] = [];
  const [first, second] = (await journeyModels(model)) as [TestModel, TestModel];
  const ofModel = `/v1/models/${model}`;
  let last = 0;
  const request = async (method: string, path: string, body?: unknown, as: TokenId = "admin", more = {}) => {
    const { token } = testTokens.find(({ id }) => id === as) as (typeof testTokens)[number];
    const headers = { authorization: `Bearer ${token}`, ...more };
    const raw = body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : JSON.stringify(body);
    const response = await send(method, path, { headers, ...(body === undefined ? {} : { body: raw }) });
    last = response.status;
    return response.text();
  };
  const call = async (method: string, path: string, body?: unknown, as?: TokenId, more?: object) => {
    onStep(steps.length);
    await request(method, path, body, as, more);
    steps.push({ step: `${method} ${path.slice(0, 90)}`, status: last });
  };
  const publish = async ({ manifest, blobs }: TestModel, rollout: object) => {
    for (const [sha256, bytes] of blobs) await call("PUT", `/v1/blobs/${sha256}`, bytes);
    await call("PUT", `${ofModel}/versions/${manifest.version}`, manifest);
    await call("POST", `${ofModel}/rollout`, { version: manifest.version, ...rollout });
  };
  const question = (i: number, region = "north") => ({
    id: `${model}~${region}~${i}`,
    at: 1_000_000 + i * 86_400_000,
    instance: { region, x0: (i % 9) - 4, x1: (i % 5) - 2, x2: i % 3, x3: null },
  });
  const ask = (questions: object[], more = {}) => call("POST", `${ofModel}/ask`, { questions, ...more });
  const of = (i: number, region = "north") => `/v1/questions/${model}~${region}~${i}`;

  // A region's job puts questions into the queue a moment after they are asked.
  const untilQueued = async () => {
    for (let tries = 0; tries < 300; tries++) {
      const { questions = [] } = JSON.parse(await request("GET", `${ofModel}/review?limit=5`)) as {
        questions: { id: string }[];
      };
      if (questions.some(({ id }) => id === question(98, "south").id)) return;
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    throw new Error("No question came into the review queue.");
  };

  await publish(first, {});
  await ask(Array.from({ length: 12 }, (_, i) => question(i)));
  await ask([question(97, "south"), question(98, "south")], { trace: true });
  await ask([question(0)]);
  await ask([{ ...question(0), instance: { x0: 1 } }]);
  await call("POST", `${ofModel}/ask`, { instance: question(1).instance }, "teacher", {
    "idempotency-key": "neighbour",
  });
  await call("GET", of(0));
  await call("GET", of(0), undefined, "asker");
  await call("GET", `${of(1)}/way`);
  await call("POST", `${of(1)}/truth`, { label: "a" });
  await call("POST", `${of(1)}/truth`, { label: "no such label" });
  await call("POST", `${ofModel}/truths`, {
    truths: Array.from({ length: 12 }, (_, i) => ({ id: question(i).id, label: "abc"[i % 3] })),
  });
  await call("POST", `${ofModel}/truths`, { truths: [{ label: "b", question: question(50) }] });
  await untilQueued();
  await call("GET", `${ofModel}/review?limit=5`);
  await call("POST", `${of(97, "south")}/skip`);
  await untilQueued();
  await call("GET", `${ofModel}/review?limit=5`);
  await call("POST", `${of(97, "south")}/answer`, { label: "c" });
  await call("POST", `${of(98, "south")}/flag`, { reason: "it can't be read" });
  await call("GET", `${ofModel}/review/flagged`);
  await call("GET", `${ofModel}/review/label-studio`);
  const result = [{ from_name: "label", to_name: "instance", type: "choices", value: { choices: ["a"] } }];
  const task = { data: { upriver_id: question(98, "south").id }, annotations: [{ result }] };
  await call("POST", `${ofModel}/review/label-studio`, [task]);
  for (const list of [
    "",
    "/versions",
    "/manifest",
    "/regions",
    "/regions/north",
    "/regions/north/runs",
    "/runs",
    "/samples",
    "/canary",
  ]) {
    await call("GET", `${ofModel}${list}`);
  }
  for (const path of ["/v1/models", "/v1/ladder", "/v1/checks", "/metrics"]) {
    await call("GET", path, undefined, path === "/metrics" ? "prometheus" : "admin");
  }
  await call("POST", `${ofModel}/regions/north/retrain`, {}, "admin", { prefer: "wait=20" });
  await call("GET", `${ofModel}/regions/north/sums`);
  await call("POST", `${ofModel}/rollback`, { region: "north", head: 9 });
  await publish(second, { share: 0.5, watch: true });
  await ask([question(200), question(201)], { caller: "someone" });
  await call("GET", `${ofModel}/canary`);
  await call("POST", `${ofModel}/rollback`, {});
  await call("DELETE", of(2));
  await call("GET", of(2));
  await call("DELETE", `${ofModel}/regions/south`);
  await call("GET", `${ofModel}/regions/south`);
  return steps;
}
