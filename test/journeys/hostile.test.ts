import { encode as encodePng } from "fast-png";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { OpenApi } from "#core/contract/index.ts";
import { memoryBelow } from "#scripts/hostile/memory.ts";
import { hostileRequests, type Known } from "#scripts/hostile/requests.ts";
import { readAll, sendAll } from "#scripts/hostile/run.ts";
import { sender } from "#scripts/hostile/send.ts";
import { snapshot } from "#scripts/hostile/snapshot.ts";
import type { LocalLadder } from "#scripts/local/ladder.ts";
import { testModel } from "../helpers/model.ts";
import { jpegs, losslessWebp } from "../helpers/pictures.ts";
import { seeded } from "../helpers/random.ts";
import { graphOfTensors } from "../helpers/tensor-models.ts";
import { publishOn, temporaryLadder } from "./ladder.ts";

const bodies = 400;
/** Requests that are under way at the same time. */
const concurrency = 8;
/** How much more workerd may grow during hostile bodies than during as many good ones: garbage collection is irregular. */
const growth = { times: 2, bytes: 64 * 1024 * 1024 };

let ladder: LocalLadder & { folder: string };
const random = seeded(20_261);
const below = (n: number) => Math.floor(n * random());

interface Body {
  path: string;
  headers: Record<string, string>;
  body: Uint8Array | string;
}

interface Hostile extends Body {
  kind: string;
}

beforeAll(async () => {
  ladder = await temporaryLadder();
  const policy = { keep: "none" as const, ladder: ["edge" as const, "region" as const] };
  const image = {
    kind: "image" as const,
    size: [6, 8] as [number, number],
    channels: 3 as const,
    scale: 1 / 255,
    offset: 0,
  };
  const models = [
    await testModel({ model: "pictures", input: image, inputs: 6 * 8 * 3, threshold: 0, policy }),
    await testModel({ model: "columns", threshold: 0, policy }),
    await graphOfTensors("tensors"),
  ];
  for (const model of models) await publishOn(ladder, model);
});
afterAll(() => ladder?.stop());

describe("hostile bodies", () => {
  it("get no 5xx, crash nothing, do not fill memory, and leave nothing behind", async () => {
    const seen: Record<string, Record<number, number>> = {};
    const first = await workerdBytes();
    const good = Array.from({ length: bodies }, (_, i) => goodBodies[i % goodBodies.length] as Body);
    await eachOf(good, async (body) => {
      const response = await send(body);
      expect(response.status, await response.text()).toBe(200);
    });
    const before = await workerdBytes();
    const hostileBodies = Array.from({ length: bodies }, (_, i) => makers[i % makers.length]?.() as Hostile);
    await eachOf(hostileBodies, async (hostile, i) => {
      const response = await send(hostile);
      const text = await response.text();
      expect(response.status, `body ${i}, ${hostile.kind}: ${text.slice(0, 300)}`).toBeLessThan(500);
      const counts = seen[hostile.kind] ?? {};
      seen[hostile.kind] = counts;
      counts[response.status] = (counts[response.status] ?? 0) + 1;
    });
    const after = await workerdBytes();
    const [byGood, byHostile] = [before - first, after - before];
    const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
    console.log(
      `${JSON.stringify(seen)}; workerd grew by ${megabytes(byGood)} over ${bodies} good bodies, then by ${megabytes(byHostile)}`,
    );
    expect(byHostile).toBeLessThan(growth.times * Math.max(0, byGood) + growth.bytes);
    for (const counts of Object.values(seen)) {
      // Some bodies of each kind were refused: they were hostile.
      expect(Object.keys(counts).some((status) => Number(status) >= 400)).toBe(true);
    }
    for (const model of ["pictures", "columns"]) expect(await ladder.client("admin").regions(model)).toEqual([]);
    const answer = await ladder.client("ask").ask("columns", { region: "north", x0: 1, x1: 1, x2: 1, x3: null });
    expect(answer).toMatchObject({ status: "answered", rung: "edge" });
  }, 300_000);
});

describe("hostile requests to every route", () => {
  it("get no 5xx and store nothing; npm run simulate -- hostile sends 10,000", async () => {
    const { credentials, folder } = ladder;
    const { tokens } = credentials;
    const document = (await (await fetch(`${credentials.edge}/openapi.json`)).json()) as OpenApi;
    const models = ["columns", "pictures", "tensors"];
    const known: Known = {
      models,
      regions: ["north", "world"],
      tokens: [...Object.values(tokens), ...Array<string>(16).fill(tokens.admin)],
      bodies: { "/ask": columns, "/infer": infer, ":predict": batch, "/truths": '{"truths":[{"label":"no such"}]}' },
    };
    const { send, end } = sender(credentials.edge, concurrency);
    await readAll(known, tokens.admin, send);
    // What hostile reads make, such as copies of blobs in KV, is there before as well.
    await sendAll(hostileRequests(document, known, seeded(2)), 100, concurrency, send);
    const before = await snapshot(credentials, models, folder);
    const { failed, routes, statuses } = await sendAll(
      hostileRequests(document, known, seeded(1)),
      400,
      concurrency,
      send,
    );
    end();
    expect(failed).toEqual([]);
    expect(routes.size).toBeGreaterThan(60);
    expect(Object.keys(statuses).length).toBeGreaterThan(14);
    expect(await snapshot(credentials, models, folder)).toEqual(before);
  }, 120_000);
});

const picture = encodePng({
  width: 8,
  height: 6,
  channels: 3,
  data: Uint8Array.from({ length: 144 }, () => below(256)),
});

const goodBodies: Body[] = [
  { path: "/v1/models/pictures/ask", headers: { "content-type": "image/png" }, body: picture },
  { path: "/v1/models/pictures/ask", headers: { "content-type": "image/jpeg" }, body: jpegs[0] as Uint8Array },
  { path: "/v1/models/pictures/ask", headers: { "content-type": "image/webp" }, body: losslessWebp.file },
  {
    path: "/v1/models/columns/ask",
    headers: { "content-type": "application/json" },
    body: '{"instance":{"region":"north","x0":0.5,"x1":1,"x2":-0.5,"x3":null}}',
  },
];

/** Handles all items in order, several at a time. */
async function eachOf<T>(items: readonly T[], handle: (item: T, i: number) => Promise<void>): Promise<void> {
  const left = items.entries();
  const worker = async () => {
    for (const [i, item] of left) await handle(item, i);
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
}

function send({ path, headers, body }: Body): Promise<Response> {
  return fetch(new URL(path, ladder.credentials.edge), {
    method: "POST",
    headers: { authorization: `Bearer ${ladder.credentials.tokens.ask}`, ...headers },
    body: body as BodyInit,
  });
}

/** Cuts a file off, or changes, removes, inserts or doubles some of its bytes. */
function spoilt(file: Uint8Array): Uint8Array {
  let bytes = [...file];
  for (let times = 1 + below(8); times > 0; times--) {
    const at = below(bytes.length);
    switch (below(6)) {
      case 0:
        bytes[at] = below(256);
        break;
      case 1:
        bytes[at] = [0, 255, 127, 128][below(4)] as number;
        break;
      case 2:
        bytes = bytes.slice(0, Math.max(1, at));
        break;
      case 3:
        bytes.splice(at, below(12));
        break;
      case 4:
        bytes.splice(at, 0, ...Array.from({ length: below(20) }, () => below(256)));
        break;
      default:
        bytes = [...bytes, ...bytes.slice(at)];
    }
    if (bytes.length === 0) bytes = [0];
  }
  return Uint8Array.from(bytes);
}

const image = (type: string, file: () => Uint8Array) => (): Hostile => ({
  kind: type,
  path: "/v1/models/pictures/ask",
  headers: { "content-type": type },
  body: spoilt(file()),
});

const strange = [
  ...["null", "true", "-1", "1e400", "1e-400", '"\\u0000"', '"__proto__"', "[]", "{}", "[[[[1]]]]", "9".repeat(400)],
  ...['{"__proto__":1}', '{"constructor":{"prototype":1}}', `"${"x".repeat(5_000)}"`, "[null]", '["a",1,{}]'],
];

function json(kind: string, path: string, text: string): () => Hostile {
  return () => {
    const letters = new TextEncoder().encode(text);
    const swapped = text.replace(/-?\d+(\.\d+)?|null|"[^"]*"/g, (token) => {
      return random() < 0.1 ? (strange[below(strange.length)] as string) : token;
    });
    return {
      kind,
      path,
      headers: { "content-type": "application/json" },
      body: random() < 0.3 ? spoilt(letters) : swapped,
    };
  };
}

const nested = (depth: number): Hostile => ({
  kind: "nesting",
  path: "/v1/models/columns/ask",
  headers: { "content-type": "application/json" },
  body: `{"instance":${"[".repeat(depth)}${"]".repeat(depth)}}`,
});

const columns = goodBodies[3]?.body as string;
const batch =
  '{"instances":[{"region":"north","x0":1,"x1":1,"x2":1,"x3":1},{"region":"south","x0":2,"x1":2,"x2":2,"x3":2}]}';
const tensor = JSON.stringify({
  instance: {
    what: Array.from({ length: 8 }, () => Array.from({ length: 7 }, () => [0.5, 1])),
    where: [1, 0, 0],
  },
});
const infer =
  '{"inputs":[{"name":"x0","shape":[1],"datatype":"FP64","data":[1]},{"name":"x1","shape":[1],"datatype":"FP64","data":[1]}]}';

function binary(): Hostile {
  const header = new TextEncoder().encode(
    '{"inputs":[{"name":"x0","shape":[1],"datatype":"FP64","parameters":{"binary_data_size":8}}]}',
  );
  const length = [header.length, 0, -1, 1e9, header.length - 3, Number.NaN][below(6)];
  return {
    kind: "binary tensors",
    path: "/v2/models/columns/infer",
    headers: { "content-type": "application/octet-stream", "inference-header-content-length": String(length) },
    body: spoilt(Uint8Array.from([...header, ...Array.from({ length: 8 }, () => below(256))])),
  };
}

const makers: (() => Hostile)[] = [
  image("image/png", () => picture),
  image("image/jpeg", () => jpegs[below(8)] as Uint8Array),
  image("image/webp", () => losslessWebp.file),
  json("columns", "/v1/models/columns/ask", columns),
  json("a batch", "/v1/models/columns/ask", batch),
  json("tensors", "/v1/models/tensors/ask", tensor),
  json("open inference", "/v2/models/columns/infer", infer),
  json("predict", "/v1/models/columns:predict", batch),
  binary,
  () => nested(10 + below(200_000)),
];

/** Returns the memory of the workerd processes of this test in bytes; 0 on systems without /proc. */
async function workerdBytes(): Promise<number> {
  const all = await memoryBelow(process.pid);
  return all.reduce((sum, { name, bytes }) => sum + (name === "workerd" ? bytes : 0), 0);
}
