import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { jsonLengthHeader } from "#edge/protocols/open-inference/request.ts";
import { type CallOptions, call, publish } from "#test/helpers/edge.ts";
import { seeded } from "#test/helpers/random.ts";
import { faultsOf } from "./open-inference-schema.ts";

const token = "ask-token";
const infer = "/v2/models/open/infer";
const predict = "/v1/models/open:predict";

beforeAll(async () => {
  await publish({ model: "open" });
});

describe("corrupted requests", () => {
  const random = seeded(20_261_120);
  const below = (n: number) => Math.floor(random() * n);
  const pick = <T>(values: readonly T[]): T => values[below(values.length)] as T;
  const odd = [null, true, "", "x", "北", -1, 0, 1, 2.5, 1e308, 2 ** 53, [], {}, [[]], [1, [2]], { a: { b: [1] } }];
  const names = ["x0", "x1", "x2", "region", "x9", "", "__proto__", "constructor", "label", "scores"];
  const datatypes = ["BOOL", "UINT8", "INT64", "UINT64", "FP16", "FP32", "FP64", "BYTES", "BF16"];
  const headers = ["0", "1", "-1", "1e3", "99999999", "x", ""];

  /** A request that is right in all its parts: columns of numbers, some in JSON and some in bytes after it. */
  function right() {
    const rows = 1 + below(3);
    const values = () => Array.from({ length: rows }, () => below(9));
    const bytes = new Uint8Array(new Float64Array(values()).buffer);
    const inputs = [
      { name: "x0", shape: [rows], datatype: pick(["UINT8", "INT64", "FP16", "FP32"]), data: values() },
      { name: "x1", shape: [rows, 1], datatype: "FP64", parameters: { binary_data_size: bytes.length } },
    ];
    const outputs = [{ name: "scores", parameters: { binary_data: random() < 0.5 } }, { name: "label" }];
    const infer = { id: "7", inputs, outputs, parameters: { region: "north", binary_data_output: true } };
    const instances = values().map((x0) => ({ x0, x1: 1 }));
    const columns = { inputs: { x0: values(), x1: values().map((x1) => [x1]) } };
    return { infer, bytes, predict: random() < 0.5 ? { instances } : columns };
  }

  /** The same with each part, at a chance, replaced by another. */
  function spoilt(part: unknown, chance: number): unknown {
    if (random() < chance) return pick<unknown>([...odd, ...names, ...datatypes]);
    if (Array.isArray(part)) {
      const kept = part.filter(() => random() > chance / 4).map((inner) => spoilt(inner, chance));
      return random() < chance ? [...kept, ...kept] : kept;
    }
    if (typeof part !== "object" || part === null) return part;
    const entries = Object.entries(part).filter(() => random() > chance / 4);
    return Object.fromEntries(
      entries.map(([name, inner]) => [random() < chance / 4 ? pick(names) : name, spoilt(inner, chance)]),
    );
  }

  function request(): { path: string; options: CallOptions } {
    const chance = pick([0, 0.02, 0.1]);
    const made = right();
    const isInfer = random() < 0.7;
    const path = isInfer
      ? pick([infer, infer, infer, "/v2/models/open/versions/1/infer", "/v2/models/open/versions/%00/infer"])
      : pick([predict, predict, "/v1/models/open/versions/1:predict", "/v1/models/%ff:predict"]);
    const json = new TextEncoder().encode(JSON.stringify(spoilt(isInfer ? made.infer : made.predict, chance)));
    const raw = Uint8Array.from([...json, ...(isInfer ? made.bytes : [])]);
    // Now and then a byte is another, or the end is missing, or the header says something else.
    if (random() < chance * 3) raw[below(raw.length)] = below(256);
    const cut = random() < chance ? below(raw.length) : raw.length;
    const length = random() < chance ? pick(headers) : String(json.byteLength);
    return { path, options: { token, raw: raw.slice(0, cut), headers: isInfer ? { [jsonLengthHeader]: length } : {} } };
  }

  it("are answered or rejected, and never cause an unexpected error", { timeout: 120_000 }, async () => {
    const before = await stored();
    const statuses = new Map<number, number>();
    for (let i = 0; i < 1_500; i++) {
      const { path, options } = request();
      const response = await call("POST", path, options);
      const { status } = response;
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
      if (status === 200) await response.arrayBuffer();
      else expect([status, faultsOf("error", await response.json())]).toEqual([expect.toBeOneOf([400, 404]), []]);
    }
    for (const status of [200, 400, 404]) expect(statuses.get(status)).toBeGreaterThan(100);
    expect(await stored()).toEqual(before);
  });
});

async function stored(): Promise<number> {
  return (await listDurableObjectIds(env.REGION)).length;
}
