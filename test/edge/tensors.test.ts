import { beforeAll, describe, expect, it } from "vitest";
import type { Instance, TensorAnswer } from "#core/contract/index.ts";
import { call, expectOk, publish, publishBuilt } from "../helpers/edge.ts";
import { seeded, uniform } from "../helpers/random.ts";
import { graphOfTensors, layersOfTensors } from "../helpers/tensor-models.ts";

const random = seeded(11);

function nested(shape: readonly number[]): unknown {
  const [count, ...rest] = shape;
  if (count === undefined) return Math.fround(uniform(random, 1)[0] as number);
  return Array.from({ length: count }, () => nested(rest));
}

function shapeOf(value: unknown): number[] {
  return Array.isArray(value) ? [value.length, ...shapeOf(value[0])] : [];
}

async function ask(model: string, body: object): Promise<Response> {
  return call("POST", `/v1/models/${model}/ask`, { token: "ask-token", body });
}

async function asked<T>(model: string, body: object): Promise<T> {
  return (await expectOk(ask(model, body))).json();
}

const picture = () => ({ picture: nested([8, 7, 2]), place: nested([3]) }) as Instance;
const scene = () => ({ what: nested([8, 7, 2]), where: nested([3]) }) as Instance;

beforeAll(async () => {
  await publishBuilt(await layersOfTensors("pair"));
  await publishBuilt(await graphOfTensors("scene"));
  await publishBuilt(await graphOfTensors("singly", 1, false));
});

describe("a model of tensors", () => {
  it("gives its outputs as they are, several of several inputs", async () => {
    const answer = await asked<TensorAnswer>("pair", { instance: picture() });
    expect(answer).toMatchObject({ model: "pair", version: "1", rung: "edge" });
    expect(shapeOf(answer.outputs.embedding)).toEqual([6]);
    expect(shapeOf(answer.outputs.pixels)).toEqual([3, 2, 5]);
  });

  it("answers a batch as it answers each alone, at once or one by one", async () => {
    const instances = [scene(), scene(), scene()];
    const { answers } = await asked<{ answers: TensorAnswer[] }>("scene", { instances });
    const singly = await asked<{ answers: TensorAnswer[] }>("singly", { instances });
    for (const [i, { outputs }] of answers.entries()) {
      const alone = await asked<TensorAnswer>("scene", { instance: instances[i] });
      const [batch, one, each] = [outputs, alone.outputs, singly.answers[i]?.outputs].map((o) => o?.scores as number[]);
      expect(batch?.reduce((sum, score) => sum + score, 0)).toBeCloseTo(1, 5);
      batch?.forEach((score, j) => void expect(score).toBeCloseTo(one?.[j] as number, 6));
      expect(each).toEqual(one);
    }
  });

  it("has no labels to choose among", async () => {
    for (const [chosen, field] of [
      [{ candidates: ["a"] }, "candidates"],
      [{ top: 2 }, "top"],
    ] as const) {
      const response = await ask("pair", { instance: picture(), ...chosen });
      expect(response.status).toBe(422);
      expect(await response.text()).toContain(`${field} must be absent: a tensor model has no labels`);
    }
  });

  it("says what it takes and gives", async () => {
    const state = await (await expectOk(call("GET", "/v1/models/pair", { token: "ask-token" }))).json();
    expect(state).toMatchObject({
      task: "tensor",
      inputs: [
        { name: "picture", shape: [8, 7, 2] },
        { name: "place", shape: [3] },
      ],
      outputs: [{ name: "embedding" }, { name: "pixels" }],
    });
  });

  it.each([
    ["no such input", { picture: [], place: [1, 2, 3], other: 1 }, "other"],
    ["an input that is missing", { place: [1, 2, 3] }, "picture"],
    ["a wrong shape", { picture: [[1]], place: [1, 2, 3] }, "picture"],
    ["values that are no float32", { picture: new Array(112).fill(1e39), place: [1, 2, 3] }, "picture"],
    ["one array for two inputs", [1, 2, 3], ""],
    ["arrays nested without end", JSON.parse(`${"[".repeat(3_000)}${"]".repeat(3_000)}`), ""],
  ])("refuses %s", async (_what, instance, path) => {
    const response = await ask("pair", { instance });
    expect(response.status).toBe(422);
    const { errors }: { errors: { path: string }[] } = await response.json();
    expect(errors.map((error) => error.path).join(" ")).toContain(path);
  });

  it("has no regions, no review and no truths", async () => {
    for (const [method, path, body] of [
      ["POST", "regions/north/retrain", {}],
      ["GET", "review", undefined],
      ["POST", "truths", { truths: [{ label: "a", question: { instance: picture() } }] }],
    ] as const) {
      const response = await call(method, `/v1/models/pair/${path}`, { body });
      expect([path, response.status]).toEqual([path, 409]);
    }
  });

  it("is a canary and is rolled back like any other model", async () => {
    await publishBuilt(await layersOfTensors("pair", 2), { share: 0.999999 });
    expect(await asked("pair", { instance: picture() })).toMatchObject({ version: "2" });
    await expectOk(call("POST", "/v1/models/pair/rollback", { body: {} }));
    expect(await asked("pair", { instance: picture() })).toMatchObject({ version: "1" });
  });

  it("keeps its task: a version of another task is refused", async () => {
    await publish({ model: "steady" });
    const { manifest, blobs } = await layersOfTensors("steady", 2);
    for (const [sha256, bytes] of blobs) await expectOk(call("PUT", `/v1/blobs/${sha256}`, { raw: bytes }));
    const response = await call("PUT", "/v1/models/steady/versions/2", { body: manifest });
    expect(response.status).toBe(422);
    expect(await response.text()).toContain("as in the versions before");
  });

  it("that can't be run serves nobody", async () => {
    await expect(publishBuilt(await layersOfTensors("mute", 1, { convolution: "Hologram" }))).rejects.toThrow(
      /502.*Hologram/s,
    );
    await expect(publishBuilt(await layersOfTensors("odd", 1, { embedding: 7 }))).rejects.toThrow(/502.*\[1,6\]/s);
  });
});
