import { listDurableObjectIds } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { type Answer, batchMaxQuestions, bodyMaxBytes, type Column } from "#core/contract/index.ts";
import { routes } from "#edge/routes/index.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";

const teacher = "other-token";
let privateBlob: string;
let publicBlob: string;

beforeAll(async () => {
  await publish({ model: "strange", threshold: 2, policy: { ladder: ["edge", "region", "human"] } });
  const { manifest } = await publish({ model: "accepting", threshold: 0 });
  publicBlob = manifest.thin.head.blob.sha256;
  const bytes = new TextEncoder().encode("training rows");
  privateBlob = await hexOf(bytes);
  await expectOk(call("PUT", `/v1/blobs/${privateBlob}?scope=publish`, { raw: bytes }));
});

async function hexOf(bytes: BufferSource): Promise<string> {
  return [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

async function packed(
  data: string | BufferSource,
  format: "gzip" | "deflate" = "gzip",
): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Response(data).body?.pipeThrough(new CompressionStream(format)) as ReadableStream;
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

const stored = async () => (await listDurableObjectIds(env.REGION)).length;

describe("a body with a content encoding", () => {
  const one = JSON.stringify({ instance: instance(1) });
  const tensors = JSON.stringify({ inputs: [{ name: "x0", shape: [1], datatype: "FP64", data: [1] }] });
  const bodies: [string, string, string, number][] = [
    ["POST", "/v1/models/accepting/ask", one, 200],
    ["POST", "/v1/models/accepting:predict", '{"instances":[{"x0":1}]}', 200],
    ["POST", "/v2/models/accepting/infer", tensors, 200],
    ["POST", "/v1/models/strange/truths", '{"truths":[{"id":"strange~north~1","label":"z"}]}', 422],
    ["PUT", "/v1/models/strange/versions/2", "{}", 422],
    ["POST", "/v1/models/strange/rollout", '{"version":9}', 409],
  ];

  it("is decoded on each kind of route, and what it decodes to is limited", async () => {
    const bomb = await packed(new Uint8Array(64 * 1024 * 1024));
    expect(bomb.byteLength).toBeLessThan(100_000);
    for (const [method, path, body, status] of bodies) {
      const send = (raw: string | Uint8Array<ArrayBuffer>, encoding: string) =>
        call(method, path, { raw, headers: { "content-type": "application/json", "content-encoding": encoding } });
      const plain = await call(method, path, { raw: body, headers: { "content-type": "application/json" } });
      expect([path, plain.status]).toEqual([path, status]);
      for (const [raw, encoding] of [
        [await packed(body), "gzip"],
        [await packed(body, "deflate"), "Deflate"],
        [body, "identity"],
      ] as const) {
        expect([path, encoding, (await send(raw, encoding)).status]).toEqual([path, encoding, status]);
      }
      expect([path, (await send(bomb, "gzip")).status]).toEqual([path, 413]);
      expect([path, (await send(body, "gzip")).status]).toEqual([path, 400]);
      expect([path, (await send((await packed(body)).subarray(0, -9), "gzip")).status]).toEqual([path, 400]);
      for (const encoding of ["br", "gzip, gzip", "constructor"]) {
        const refused = await send(await packed(body), encoding);
        expect([path, encoding, refused.status]).toEqual([path, encoding, 415]);
        expect(refused.headers.get("accept-encoding")).toBe("gzip, deflate");
      }
    }
  });

  it("is limited where another rung reads it", async () => {
    const headers = { "content-encoding": "gzip" };
    const raw = await packed(new Uint8Array(2 * bodyMaxBytes));
    expect((await call("POST", "/v1/models/strange/trainings", { raw, headers })).status).toBe(413);
  });

  it("may be a blob", async () => {
    const bytes = new TextEncoder().encode("weights ".repeat(1_000));
    const path = `/v1/blobs/${await hexOf(bytes)}`;
    await expectOk(call("PUT", path, { raw: await packed(bytes), headers: { "content-encoding": "gzip" } }));
    expect(await (await call("GET", path)).text()).toBe("weights ".repeat(1_000));
  });
});

describe("a body of JSON", () => {
  it.each<[string, number, string | Uint8Array, RegExp]>([
    ["that is no UTF-8", 400, Uint8Array.of(0x7b, 0x22, 0xff, 0xfe, 0x22, 0x3a, 0x31, 0x7d), /UTF-8/],
    ["with a field __proto__", 422, '{"instance":{"x0":1,"__proto__":{"x1":2}}}', /instance.__proto__/],
    ["with the same in escapes", 422, '{"instance":{"x0":1,"\\u005f_proto__":null}}', /instance.__proto__/],
    [
      "with it far inside",
      422,
      `{"instance":${"[".repeat(100_000)}{"__proto__":1}${"]".repeat(100_000)}}`,
      /__proto__/,
    ],
  ])("%s is refused", async (_, status, raw, text) => {
    const before = await stored();
    const response = await call("POST", "/v1/models/strange/ask", { raw });
    expect([response.status, await response.text()]).toEqual([status, expect.stringMatching(text)]);
    expect(await stored()).toBe(before);
  });

  it("may have the word as a value", async () => {
    await expectOk(call("POST", "/v1/models/accepting/ask", { body: { instance: instance(1, "__proto__") } }));
  });
});

describe("an id of a question", () => {
  it.each(["line\r\nbreak", "tab\t", "nul\u0000", "\u0085", "x".repeat(1_020)])(
    "with control characters, or too long, is refused: %j",
    async (unique) => {
      const id = `strange~north~${unique}`;
      const response = await call("POST", "/v1/models/strange/ask", {
        body: { questions: [{ id, instance: instance() }] },
      });
      expect([response.status, await response.text()]).toEqual([422, expect.stringContaining("id")]);
      expect((await call("GET", `/v1/questions/${encodeURIComponent(id)}`)).status).toBe(404);
    },
  );

  it("with a lone surrogate is refused", async () => {
    const raw = '{"questions":[{"id":"strange~north~\\ud800","instance":{"x0":1}}]}';
    expect((await call("POST", "/v1/models/strange/ask", { raw })).status).toBe(422);
  });

  it.each(["naïve 東京 😀", "a/b?c=d#e", "..", "%2e%2E", "__proto__", "constructor", "a\"b'c\\d<e>"])(
    "of other characters works on each route, and in Location: %j",
    async (unique) => {
      const id = `strange~north~${unique}`;
      const body = { questions: [{ id, instance: instance() }] };
      const asked = await expectOk(call("POST", "/v1/models/strange/ask", { body }));
      expect(asked.status).toBe(202);
      const location = asked.headers.get("location") as string;
      expect(await (await expectOk(call("GET", location))).json()).toMatchObject({ id });
      expect(await (await expectOk(call("GET", `${location}/way`))).json()).toMatchObject({ id });
      await expectOk(call("POST", `${location}/truth`, { body: { label: "a" } }));
      const lines = await (await expectOk(call("GET", "/v1/models/strange/samples"))).text();
      expect(lines.split("\n").some((line) => line !== "" && JSON.parse(line).id === id)).toBe(true);
      await expectOk(call("DELETE", location));
      expect((await call("GET", location)).status).toBe(404);
    },
  );

  it("may not be twice in a batch, on any route", async () => {
    const id = "strange~north~twice";
    const one = { id, instance: instance() };
    const twice = /"index":1.*an id that the batch has only once/;
    const task = { data: { upriver_id: id }, annotations: [] };
    const before = await stored();
    for (const [path, body] of [
      ["ask", { questions: [one, one] }],
      [
        "truths",
        {
          truths: [
            { label: "a", question: one },
            { label: "b", question: one },
          ],
        },
      ],
      [
        "truths",
        {
          truths: [
            { label: "a", question: one },
            { id, label: "b" },
          ],
        },
      ],
      [
        "truths",
        {
          truths: [
            { id, label: "a" },
            { id, label: "b" },
          ],
        },
      ],
      ["review/label-studio", [task, task]],
    ] as const) {
      const response = await call("POST", `/v1/models/strange/${path}`, { body });
      expect([path, response.status, await response.text()]).toEqual([path, 422, expect.stringMatching(twice)]);
    }
    const many = Array.from({ length: batchMaxQuestions }, (_, i) => ({
      id: `${id}${i % 1_023}`,
      instance: instance(),
    }));
    expect((await call("POST", "/v1/models/strange/ask", { body: { questions: many } })).status).toBe(422);
    expect(await stored()).toBe(before);
    expect((await call("GET", `/v1/questions/${id}`)).status).toBe(404);
  });
});

describe("names that every object inherits", () => {
  const regions = { from: "field" as const, name: "region", keys: ["constructor", "valueOf"], parent: "toString" };
  const columns = ["constructor", "hasOwnProperty"].map(
    (name): Column => ({ type: "number", name, mean: 0, deviation: 1 }),
  );
  const model = { model: "inherited", labels: ["constructor", "valueOf", "isPrototypeOf"], columns, inputs: 2 };

  it("work as regions, labels and columns", async () => {
    const policy = {
      regions,
      keep: "all" as const,
      truth: "complete" as const,
      groupBy: { by: "field" as const, name: "toString" },
    };
    await publish({ ...model, threshold: 0, policy });
    await publish({ ...model, version: 2, threshold: 0, policy });
    for (const region of [...regions.keys, regions.parent]) {
      const answer = await ask("inherited", { instance: { region, hasOwnProperty: 1 } }, { token: teacher });
      expect(answer).toMatchObject({ region, status: "answered", version: "2" });
      expect(model.labels).toContain(answer.label);
      expect(Object.keys(answer.scores)).toEqual(model.labels);
      const truth = { label: "constructor" };
      await expectOk(call("POST", `/v1/questions/${answer.id}/truth`, { token: teacher, body: truth }));
      const path = `/v1/models/inherited/regions/${region}`;
      expect(await (await expectOk(call("GET", path))).json()).toMatchObject({ state: { region } });
    }
    const read = async (query = "") => {
      const text = await (await expectOk(call("GET", `/v1/models/inherited/samples${query}`))).text();
      return text.trim().split("\n");
    };
    const lines = await eventually(async () => {
      const found = await read();
      expect(found).toHaveLength(4);
      return found;
    });
    const { cursor } = JSON.parse(lines.at(-1) as string);
    expect(await read(`?since=${encodeURIComponent(cursor)}`)).toHaveLength(1);
    await expectOk(call("GET", "/v1/ladder"));
    await expectOk(call("GET", "/v1/checks"));
    expect(await (await expectOk(call("GET", "/metrics", { token: "metrics-token" }))).text()).toContain(
      'region="constructor"',
    );
  });

  it("are no values of columns that a question lacks", async () => {
    const [with0, without] = await Promise.all(
      [
        { region: "valueOf", hasOwnProperty: 1, constructor: null },
        { region: "valueOf", hasOwnProperty: 1 },
      ].map((one) => ask("inherited", { instance: one, accept: "always" })),
    );
    expect((without as Answer).scores).toEqual((with0 as Answer).scores);
  });
});

describe("a method that a route does not support", () => {
  it("is 405 with the allowed methods, whatever the method and the route", async () => {
    const paths = new Set(routes.map(({ path }) => path.replace(/:\w+(?:\{\[\^\/\]\+(:\w+)\})?/g, "x$1")));
    for (const path of paths) {
      for (const method of ["PATCH", "OPTIONS", "PROPFIND"]) {
        const response = await call(method, path);
        expect([method, path, response.status]).toEqual([method, path, 405]);
        expect(response.headers.get("allow")).toMatch(/^[A-Z]+(, [A-Z]+)*$/);
        await response.text();
      }
    }
    const head = await call("HEAD", "/v1/models/strange/ask");
    expect([head.status, head.headers.get("allow"), await head.text()]).toEqual([405, "POST", ""]);
    expect((await call("HEAD", "/v1/models")).status).toBe(200);
    expect((await call("DELETE", "/v1/models/")).headers.get("allow")).toBe("GET, HEAD");
  });
});

describe("a blob", () => {
  it("is not sent again to a caller that has it", async () => {
    const path = `/v1/blobs/${publicBlob}`;
    const tag = (await expectOk(call("GET", path))).headers.get("etag") as string;
    for (const header of [tag, `W/${tag}`, `"other", ${tag}`, "*"]) {
      const response = await call("GET", path, { headers: { "if-none-match": header } });
      expect([header, response.status, response.headers.get("etag"), await response.text()]).toEqual([
        header,
        304,
        tag,
        "",
      ]);
    }
    expect((await call("GET", path, { headers: { "if-none-match": '"other"' } })).status).toBe(200);
    expect((await call("GET", path, { token: null, headers: { "if-none-match": tag } })).status).toBe(401);
  });

  it("of the publish scope is for private caches, and for its scope alone", async () => {
    const path = `/v1/blobs/${privateBlob}`;
    expect((await expectOk(call("GET", path))).headers.get("cache-control")).toMatch(/^private, /);
    const headers = { "if-none-match": "*" };
    expect((await call("GET", path, { headers })).headers.get("cache-control")).toMatch(/^private, /);
    expect((await call("GET", path, { token: "ask-token", headers })).status).toBe(403);
  });
});

it("takes null for any optional field of an Open Inference request as absent", async () => {
  const request = (more: object) => ({
    ...{ id: null, parameters: null, outputs: null, ...more },
    inputs: [{ name: "x0", shape: [1], datatype: "FP64", data: [1], parameters: null }],
  });
  const outputs = [{ name: "scores", parameters: { binary_data: null, classification: null } }];
  const parameters = { escalate: null, region: null, candidates: null, binary_data_output: null };
  for (const body of [
    request({}),
    request({ outputs }),
    request({ outputs: [{ name: "label", parameters: null }] }),
    request({ parameters }),
  ]) {
    const response = await call("POST", "/v2/models/accepting/infer", { token: "ask-token", body });
    expect([response.status, await response.text()]).toEqual([200, expect.not.stringContaining('"id":null')]);
  }
});

it("limits the name of a reviewer", async () => {
  const headers = { "x-upriver-reviewer": "x".repeat(5_000) };
  expect((await call("GET", "/v1/models/strange/review", { headers })).status).toBe(422);
});

it("limits a body in bytes, not in what it announces", async () => {
  const body = new ReadableStream({
    start(controller) {
      for (let i = 0; i < 5; i++) controller.enqueue(new Uint8Array(bodyMaxBytes / 4).fill(32));
      controller.close();
    },
  });
  const response = await call("POST", "/v1/models/strange/ask", { raw: body as unknown as string });
  expect(response.status).toBe(413);
});
