import { describe, expect, it } from "vitest";
import * as z from "zod";
import { ArtefactError } from "#core/artefacts.ts";
import { problemSchema } from "#core/contract/index.ts";
import { readBytes } from "#core/http/body.ts";
import { type Fault, FaultError, problemOf } from "#core/http/fault.ts";
import { expectedResponse, readJson, unexpectedResponse } from "#core/http/problem.ts";
import { InvalidQuestionsError, RungUnavailableError } from "#core/rung/rung.ts";

const faults: [number, Fault][] = [
  [400, { kind: "malformed", expected: "a JSON body", received: "an empty body" }],
  [422, { kind: "invalid", errors: [{ index: 3, path: "x", expected: "a number", received: "nothing" }] }],
  [422, { kind: "invalid", errors: [] }],
  [401, { kind: "unauthorised" }],
  [403, { kind: "forbidden", needs: "scope 'admin'" }],
  [404, { kind: "not-found", what: "model 'x'", next: "GET /v1/models lists them." }],
  [409, { kind: "conflict", expected: "a", received: "b", next: "Use another key." }],
  [413, { kind: "too-large", maxBytes: 10 }],
  [508, { kind: "loop", via: ["a", "b", "a"], max: 8 }],
  [503, { kind: "unavailable", reason: "down", next: "Try again." }],
  [504, { kind: "late", reason: "no time is left" }],
  [502, { kind: "broken-artefact", artefact: "blobs/0", reason: "it is not there" }],
];

describe("problems", () => {
  it.each(faults)("%i: %o fits the schema and names the operation and the next step", (status, fault) => {
    const problem = problemOf(fault, "ask");
    expect(problemSchema.parse(problem)).toEqual(problem);
    expect(problem).toMatchObject({ status, operation: "ask", type: `urn:upriver:problem:${fault.kind}` });
    expect([problem.title, problem.detail, problem.next].every((text) => text.length > 0)).toBe(true);
  });

  it("are made from the errors that core throws", async () => {
    const errors: [Error, number][] = [
      [new InvalidQuestionsError([{ index: 0, path: "x", expected: "a", received: "b" }]), 422],
      [new RungUnavailableError("down"), 503],
      [new ArtefactError("blobs/0", "it is not there"), 502],
      [new FaultError({ kind: "unauthorised" }), 401],
    ];
    for (const [error, status] of errors) {
      const response = expectedResponse(error, "ask");
      expect(response?.status).toBe(status);
      expect(response?.headers.get("content-type")).toBe("application/problem+json");
    }
    expect(expectedResponse(new FaultError({ kind: "unauthorised" }), "ask")?.headers.has("www-authenticate")).toBe(
      true,
    );
    expect(expectedResponse(new RungUnavailableError("down"), "ask")?.headers.has("retry-after")).toBe(true);
  });

  it("answer 503 with Retry-After for an overloaded object and for state of 0.1, and never for its own errors", async () => {
    const overloaded = Object.assign(new Error("Durable Object is overloaded."), { overloaded: true, remote: false });
    const old = new Error("StateFormatError: This object's state was written by Upriver 0.1. Run npm run reset.");
    for (const error of [overloaded, old]) {
      const response = expectedResponse(error, "ask");
      expect([response?.status, response?.headers.has("retry-after")]).toEqual([503, true]);
    }
    expect(await expectedResponse(old, "ask")?.json()).toMatchObject({
      detail: "This object's state was written by Upriver 0.1. Run npm run reset.",
    });
    expect(expectedResponse(Object.assign(new Error("bug"), { remote: true }), "ask")).toBeNull();
  });

  it("reveal nothing about an unexpected error", async () => {
    expect(expectedResponse(new TypeError("secret"), "ask")).toBeNull();
    const response = unexpectedResponse("ask");
    expect(response.status).toBe(500);
    expect(problemSchema.safeParse(await response.json()).success).toBe(true);
  });
});

describe("a body", () => {
  const post = (body: BodyInit) => new Request("https://edge.test", { method: "POST", body });
  const schema = z.strictObject({ a: z.array(z.number()) });
  const faultOf = async (body: BodyInit, maxBytes = 100) => {
    const error = await readJson(post(body), schema, maxBytes).catch((thrown: unknown) => thrown);
    return (error as FaultError).fault;
  };

  it("is parsed by its schema, or rejected with every error", async () => {
    expect(await readJson(post('{"a":[1,2]}'), schema, 100)).toEqual({ a: [1, 2] });
    expect(await faultOf("")).toMatchObject({ kind: "malformed", received: "an empty body" });
    expect(await faultOf("{")).toMatchObject({ kind: "malformed" });
    expect(await faultOf('{"a":[1,"x",true]}')).toMatchObject({
      kind: "invalid",
      errors: [
        { path: "a.1", received: 'string "x"' },
        { path: "a.2", received: "boolean true" },
      ],
    });
  });

  it("is limited to the given size, with and without a content-length header", async () => {
    expect((await readBytes(post("x".repeat(10)), 10)).byteLength).toBe(10);
    expect((await readBytes(new Request("https://edge.test"), 10)).byteLength).toBe(0);
    expect(await faultOf("x".repeat(101))).toEqual({ kind: "too-large", maxBytes: 100 });
    const endless = new ReadableStream({ pull: (controller) => controller.enqueue(new Uint8Array(64)) });
    const streamed = { body: endless, headers: new Headers() } as unknown as Request;
    await expect(readBytes(streamed, 1_000)).rejects.toThrow(FaultError);
  });
});
