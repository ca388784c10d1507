import { beforeAll, describe, expect, it } from "vitest";
import { sha256Hex } from "#core/hash.ts";
import type { Scope, Token } from "#core/tokens.ts";
import { createApp, type OriginOptions } from "#origin/app.ts";

const training = (model: string) => ({ id: `of-${model}`, model, endedAt: null });

/** Doubles of the parts behind the origin's routes: this is about who may use them. */
const parts = {
  models: {
    list: () => [
      { model: "shop", version: 1 },
      { model: "foreign", version: 1 },
    ],
    rung: async () => ({ name: "origin", choosable: ["a"], ask: async () => [] }),
  },
  training: {
    disk: { readiness: async () => ({ ready: true }) },
    trainings: {
      list: (model?: string) => ["shop", "foreign"].filter((name) => !model || name === model).map(training),
      get: training,
      wait: async (model: string) => training(model),
      cancel: async (model: string) => training(model),
      restart: async (model: string) => training(model),
      enqueue: async (model: string) => training(model),
      report: async () => "a report",
      watch: () => () => {},
    },
    recipes: { document: async () => ({}) },
    backend: { name: "cpu" },
  },
} as unknown as Pick<OriginOptions, "models" | "training">;

const holders: [name: string, scopes: Scope[] | null, limits: Partial<Token>][] = [
  ["no token", null, {}],
  ["an unknown token", null, {}],
  ["ask", ["ask"], {}],
  ["publish", ["publish"], {}],
  ["metrics", ["metrics"], {}],
  ["admin", ["admin"], {}],
  ["of a model", ["ask", "publish"], { models: ["shop"] }],
  ["of another model", ["admin"], { models: ["foreign"] }],
  ["of a region", ["ask", "publish"], { regions: ["north"] }],
  ["an admin of another region", ["admin"], { regions: ["south"] }],
];

const trainings = "/v1/models/shop/trainings";
const asked = { questions: [{ id: "shop~north~1", region: "north", instance: { x: 1 }, at: 1 }] };
const routes: [method: string, path: string, scope: Scope, reach: "region" | "all", body?: object][] = [
  ["POST", "/v1/models/shop/ask", "ask", "region", asked],
  ["GET", trainings, "publish", "all"],
  ["POST", trainings, "publish", "all", { reason: "learn" }],
  ["GET", `${trainings}/1`, "publish", "all"],
  ["GET", `${trainings}/1/report`, "publish", "all"],
  ["POST", `${trainings}/1/cancel`, "publish", "all"],
  ["POST", `${trainings}/1/restart`, "publish", "all"],
  ["GET", "/v1/status", "publish", "all"],
];

let app: ReturnType<typeof createApp>;

beforeAll(async () => {
  const tokens = await Promise.all(
    holders.flatMap(([id, scopes, limits]) =>
      scopes
        ? [
            sha256Hex(id.replaceAll(" ", "-")).then((sha256) => ({
              id,
              sha256,
              scopes,
              models: ["*"],
              regions: ["*"],
              ...limits,
            })),
          ]
        : [],
    ),
  );
  app = createApp({ nodeId: "origin", tokens, ...parts, log: () => {} });
});

function expected(name: string, scope: Scope, reach: "region" | "all", path: string): number | "passes" {
  const [, scopes, { models, regions }] = holders.find((one) => one[0] === name) as (typeof holders)[number];
  if (!scopes) return 401;
  if (!scopes.includes(scope) && !scopes.includes("admin")) return 403;
  if (path.includes("/shop/") && models && !models.includes("shop")) return 403;
  if (regions && (reach === "all" || !regions.includes("north"))) return 403;
  return "passes";
}

describe("every route of the origin", () => {
  it("answers as its scope and the token's limits say, and shows nothing beyond them", async () => {
    const served = app.routes.filter(({ path, method }) => method !== "ALL" && !/^\/(health|ready)z$/.test(path));
    expect(new Set(served.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length);
    for (const [method, path, scope, reach, body] of routes) {
      for (const [name] of holders) {
        const authorization = name === "no token" ? {} : { authorization: `Bearer ${name.replaceAll(" ", "-")}` };
        const init = { method, headers: authorization, ...(body ? { body: JSON.stringify(body) } : {}) };
        const response = await app.request(path, init);
        const text = await response.text();
        const got = [401, 403].includes(response.status) ? response.status : response.status < 500 ? "passes" : text;
        expect([method, path, name, got]).toEqual([method, path, name, expected(name, scope, reach, path)]);
        if (name === "of a model") expect([path, text.includes("foreign")]).toEqual([path, false]);
      }
    }
  });
});
