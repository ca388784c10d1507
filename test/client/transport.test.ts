import type { RequestListener } from "node:http";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { DeadlineError, ProblemError, UnreachableError, UpriverClient } from "#client/index.ts";
import { problemOf } from "#core/http/fault.ts";
import { startServer } from "../helpers/http-server.ts";

/** A real server: each request meets the next behaviour in the list, and the last one from then on. */
let stop: () => void;
let url: string;
let behaviours: RequestListener[] = [];
let requests = 0;

beforeAll(async () => {
  ({ url, stop } = await startServer((request, response) => {
    const behave = behaviours[Math.min(requests++, behaviours.length - 1)] as RequestListener;
    behave(request, response);
  }));
});
afterAll(() => stop());
beforeEach(() => {
  requests = 0;
});

const hangUp: RequestListener = (request) => void request.socket.destroy();
const cutOff: RequestListener = (request, response) => {
  response.writeHead(200, { "content-type": "application/json", "content-length": "100" });
  response.write('{"models":', () => request.socket.destroy());
};
const stall: RequestListener = (_, response) => {
  response.writeHead(200, { "content-type": "application/json" });
  response.write('{"models":');
};
const answer =
  (status: number, body: string): RequestListener =>
  (_, response) => {
    response.writeHead(status, { "content-type": "application/json" });
    response.end(body);
  };
const busy = answer(503, "busy");
const noModels = answer(200, '{"models":[]}');

const client = (options: object = {}) => new UpriverClient({ url, token: "t", ...options });

describe("the client, when the connection breaks", () => {
  it.each([
    ["before the answer", hangUp],
    ["within the answer", cutOff],
  ])("%s, retries the request", async (_, broken) => {
    behaviours = [broken, noModels];
    expect(await client().models()).toEqual([]);
    expect(requests).toBe(2);
  });

  it.each([
    ["before the answer", hangUp],
    ["within the answer", cutOff],
  ])("%s, throws UnreachableError for a request that must not be sent twice", async (_, broken) => {
    behaviours = [broken, answer(200, "{}")];
    await expect(client().rollback("shop")).rejects.toThrow(UnreachableError);
    expect(requests).toBe(1);
  });

  it("retries a question that has an idempotency key", async () => {
    behaviours = [hangUp, answer(200, '{"answers":[]}')];
    expect(await client().askMany("shop", [{ x: 1 }], { idempotencyKey: "k" })).toEqual([]);
    expect(requests).toBe(2);
  });
});

describe("retries", () => {
  it("end after the allowed number of attempts", async () => {
    behaviours = [busy];
    const error = await client({ tries: 2 })
      .models()
      .catch((thrown: unknown) => thrown);
    expect((error as ProblemError).problem).toMatchObject({ status: 503, detail: "busy", operation: "GET /v1/models" });
    expect(requests).toBe(2);
  });

  it.each([400, 401, 404, 409, 413, 422, 500, 508])("are not made after status %i", async (status) => {
    behaviours = [answer(status, "")];
    await expect(client().models()).rejects.toThrow(ProblemError);
    expect(requests).toBe(1);
  });

  it.each([429, 502, 503, 504])("are made after status %i", async (status) => {
    behaviours = [answer(status, ""), noModels];
    expect(await client().models()).toEqual([]);
  });
});

describe("Retry-After", () => {
  const limited =
    (after: () => string): RequestListener =>
    (_, response) => {
      response.writeHead(429, { "retry-after": after() });
      response.end();
    };

  it.each([
    ["seconds", () => "0.4"],
    ["a date", () => new Date(Math.ceil(Date.now() / 1_000) * 1_000 + 1_000).toUTCString()],
  ])("in %s is waited for", async (_, after) => {
    behaviours = [limited(after), noModels];
    const startedAt = Date.now();
    expect(await client().models()).toEqual([]);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(390);
  });

  it("of a month, and one beyond the deadline, end the call at once", async () => {
    behaviours = [limited(() => String(30 * 24 * 3600)), noModels];
    await expect(client().models()).rejects.toThrow(ProblemError);
    behaviours = [limited(() => "50"), noModels];
    requests = 0;
    await expect(client().ask("shop", { x: 1 }, { deadlineMs: 5_000 })).rejects.toThrow(DeadlineError);
    expect(requests).toBe(1);
  });
});

describe("a stream that is refused for a while", () => {
  it("is opened again after Retry-After", async () => {
    const limit = { name: "waits", max: 1, retryAfterMs: 900 } as const;
    const problem = JSON.stringify(problemOf({ kind: "limited", limit }, "read a question"));
    const event = 'event: answered\ndata: {"status":"answered"}\n\n';
    behaviours = [answer(429, problem), (_, response) => response.end(event)];
    const startedAt = Date.now();
    const seen = [];
    for await (const { status } of client().stream("shop~north~1")) seen.push(status);
    expect(seen).toEqual(["answered"]);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(990);
  });
});

describe("a redirect", () => {
  it("is not followed: the token and the body are for this address alone", async () => {
    behaviours = [(_, response) => response.writeHead(307, { location: "http://evil.test/" }).end(), noModels];
    await expect(client().models()).rejects.toThrow(/redirects to http:\/\/evil.test\/, which is not followed/);
    expect(requests).toBe(1);
  });
});

describe("the client, reading a response", () => {
  it("throws UnreachableError with a next step when the response stalls", async () => {
    behaviours = [stall];
    const asking = client({ timeoutMs: 50, tries: 1 }).models();
    await expect(asking).rejects.toThrow(UnreachableError);
    await expect(asking).rejects.toThrow(/npm start/);
  });

  it("stops without a retry when the caller aborts", async () => {
    behaviours = [stall];
    const controller = new AbortController();
    const asking = client().question("shop~north~1", { signal: controller.signal });
    asking.catch(() => {});
    await expect.poll(() => requests).toBe(1);
    controller.abort(new Error("enough"));
    await expect(asking).rejects.toThrow("enough");
    expect(requests).toBe(1);
  });

  it("says that the address is not an edge when the response is not JSON", async () => {
    behaviours = [answer(200, "<html>a router's page</html>")];
    await expect(client().models()).rejects.toThrow(
      /router's page.* Check that the address is that of an Upriver edge/,
    );
  });

  it("receives and sends bytes unchanged", async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    behaviours = [(_, response) => response.end(bytes)];
    expect(new Uint8Array(await client().blob("abc"))).toEqual(bytes);
    let received: Buffer | null = null;
    let type: string | undefined;
    behaviours = [
      async (request, response) => {
        type = request.headers["content-type"];
        received = Buffer.concat(await request.toArray());
        response.end("{}");
      },
    ];
    await client().putBlob("abc", bytes);
    expect([type, received]).toEqual(["application/octet-stream", Buffer.from(bytes)]);
  });
});
