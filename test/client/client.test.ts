import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ProblemError, UnreachableError, UpriverClient } from "#client/index.ts";
import { startServer } from "../helpers/http-server.ts";

interface Seen {
  method: string;
  path: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}

/** A real server that sends the prepared responses and records the requests. */
let stop: () => void;
let url: string;
let answers: [number, unknown, number?][] = [];
let seen: Seen[] = [];

beforeAll(async () => {
  ({ url, stop } = await startServer((request, response) => {
    const parts: Buffer[] = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => {
      seen.push({
        method: request.method ?? "",
        path: request.url ?? "",
        headers: request.headers,
        body: Buffer.concat(parts).toString(),
      });
      const [status, body, delayMs = 0] = answers.shift() ?? [200, {}];
      setTimeout(() => {
        response.writeHead(status, { "content-type": "application/json" });
        response.end(typeof body === "string" ? body : JSON.stringify(body));
      }, delayMs);
    });
  }));
});
afterAll(() => stop());
beforeEach(() => {
  answers = [];
  seen = [];
});

const client = (options: object = {}) => new UpriverClient({ url, token: "t0ken", ...options });
const problem = {
  type: "x",
  title: "Validation failed",
  status: 422,
  detail: "x1 is wrong.",
  operation: "ask",
  next: "Fix the fields listed in errors.",
};

describe("UpriverClient", () => {
  it("sends its token with a question and returns the answer", async () => {
    answers = [[200, { id: "shop~north~1", label: "a" }]];
    const answer = await client().ask("shop", { x: 1 }, { idempotencyKey: "k", accept: "always" });
    expect(answer.label).toBe("a");
    expect(seen[0]).toMatchObject({ method: "POST", path: "/v1/models/shop/ask" });
    expect(seen[0]?.headers).toMatchObject({ authorization: "Bearer t0ken", "idempotency-key": "k" });
    expect(JSON.parse(seen[0]?.body ?? "")).toEqual({ instance: { x: 1 }, accept: "always" });
  });

  it("throws a ProblemError that says what to do", async () => {
    answers = [[422, problem]];
    const error = await client()
      .ask("shop", { x: 1 })
      .catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ProblemError);
    expect((error as ProblemError).problem).toEqual(problem);
    expect((error as ProblemError).message).toBe("Validation failed: x1 is wrong. Fix the fields listed in errors.");
    answers = [[500, "<html>"]];
    await expect(client({ tries: 1 }).models()).rejects.toThrow(/Status 500/);
  });

  it("retries only requests that may be repeated", async () => {
    const away = [503, { ...problem, status: 503 }] as [number, unknown];
    answers = [away, away, [200, { models: [] }]];
    expect(await client().models()).toEqual([]);
    expect(seen).toHaveLength(3);
    answers = [away, [200, { id: "1" }]];
    seen = [];
    await client().ask("shop", { x: 1 });
    const ids = seen.map(({ headers }) => headers["x-upriver-request"]);
    expect(ids).toEqual([ids[0], ids[0]]);
    expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
    answers = [away, [200, { answers: [] }]];
    seen = [];
    await client().askQuestions("shop", [{ id: "shop~north~1", instance: { x: 1 } }]);
    expect(seen).toHaveLength(2);
    answers = [away, [200, { pointer: {} }]];
    seen = [];
    await expect(client().rollback("shop")).rejects.toThrow(ProblemError);
    expect(seen).toHaveLength(1);
  });

  it("stops at its timeout and when its signal aborts", async () => {
    answers = [[200, {}, 2_000]];
    await expect(client({ timeoutMs: 50, tries: 1 }).models()).rejects.toThrow(UnreachableError);
    const controller = new AbortController();
    answers = [[200, {}, 2_000]];
    const asking = client().ask("shop", { x: 1 }, { signal: controller.signal });
    controller.abort(new Error("enough"));
    await expect(asking).rejects.toThrow("enough");
  });

  it("says what to do when the edge does not answer", async () => {
    const nobody = new UpriverClient({ url: "http://127.0.0.1:1", tries: 1 });
    await expect(nobody.models()).rejects.toThrow(/npm start/);
  });

  it("sends the wait preference and escapes path segments", async () => {
    answers = [
      [200, {}],
      [200, {}],
    ];
    await client().question("weather~Alice%20Springs~1", { waitSeconds: 7 });
    expect(seen[0]).toMatchObject({ path: "/v1/questions/weather~Alice%2520Springs~1", headers: { prefer: "wait=7" } });
    await client().forgetRegion("weather", "Alice Springs");
    expect(seen[1]).toMatchObject({ method: "DELETE", path: "/v1/models/weather/regions/Alice%20Springs" });
  });
});
