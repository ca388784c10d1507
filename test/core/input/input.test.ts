import { describe, expect, it } from "vitest";
import {
  type Column,
  columnSchema,
  type FeaturesInput,
  type ImageInput,
  type Input,
  type Instance,
  type TensorInput,
} from "#core/contract/index.ts";
import { encode, ignoredFields, inputShapes } from "#core/input/index.ts";
import { seeded } from "#test/helpers/random.ts";

const columns: Column[] = [
  { type: "number", name: "heat", mean: 20, deviation: 4 },
  { type: "number", name: "rain", mean: 2, deviation: 5, missing: 0 },
  { type: "cycle", name: "hour", period: 24 },
  { type: "category", name: "look", values: ["feet", "head"] },
  {
    type: "category",
    name: "wind",
    values: ["N", "E"],
    vectors: [
      [0, 1],
      [1, 0],
    ],
    missing: [0.5, 0.5],
  },
  { type: "region", values: ["north", "south"] },
];
const features: FeaturesInput = { kind: "features", columns };
const context = { region: "south" };

const encoded = (input: Input, instance: Instance) => {
  const result = encode(input, instance, context);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return Array.from(result.value);
};
const faults = (input: Input, instance: Instance) => {
  const result = encode(input, instance, context);
  return result.ok ? [] : result.error;
};

// Each column by hand, in the order of the input.
function oracle({ heat, rain, hour, look, wind }: Record<string, unknown>, region: string): number[] {
  const turn = (2 * Math.PI * (hour as number)) / 24;
  const winds: Record<string, number[]> = { N: [0, 1], E: [1, 0] };
  return [
    heat === null ? 0 : ((heat as number) - 20) / 4,
    ((rain === null ? 0 : (rain as number)) - 2) / 5,
    ...(hour === null ? [0, 0] : [Math.sin(turn), Math.cos(turn)]),
    Number(look === "feet"),
    Number(look === "head"),
    ...(winds[wind as string] ?? [0.5, 0.5]),
    Number(region === "north"),
    Number(region === "south"),
  ];
}

function randomInstance(random: () => number): Exclude<Instance, unknown[]> {
  const maybe = <T>(value: T): T | null => (random() < 0.2 ? null : value);
  const oneOf = (values: string[]) => values[Math.floor(random() * values.length)] as string;
  return {
    heat: maybe((random() - 0.5) * 10 ** Math.floor(random() * 30)),
    rain: maybe(random() * 50),
    hour: maybe(random() * 48 - 24),
    look: maybe(oneOf(["feet", "head"])),
    wind: maybe(oneOf(["N", "E"])),
  };
}

describe("features", () => {
  it("become numbers, one after the other", () => {
    expect(inputShapes(features)).toEqual([[10]]);
    const row = encoded(features, { heat: 26, rain: 7, hour: 6, look: "head", wind: "E", region: "south" });
    [1.5, 1, 1, 0, 0, 1, 1, 0, 0, 1].forEach((value, i) => void expect(row[i]).toBeCloseTo(value, 6));
  });

  it("use the input's default for a value that is missing or null", () => {
    const row = encoded(features, { heat: null, wind: null });
    [0, -0.4, 0, 0, 0, 0, 0.5, 0.5, 0, 1].forEach((value, i) => void expect(row[i]).toBeCloseTo(value, 6));
  });

  it("equal plain arithmetic for any instance", () => {
    const random = seeded(1);
    for (let i = 0; i < 300; i++) {
      const instance = randomInstance(random);
      const region = ["north", "south", "moon"][Math.floor(random() * 3)] as string;
      const result = encode(features, instance, { ...context, region });
      if (!result.ok) throw new Error(JSON.stringify(result.error));
      oracle(instance, region).forEach((value, at) => void expect(result.value[at]).toBe(Math.fround(value)));
      const reversed = Object.fromEntries(Object.entries(instance).reverse());
      expect(encode(features, reversed, { ...context, region })).toEqual(result);
    }
  });

  it("ignore fields that are no columns, and name them", () => {
    const instance = { heat: 26, region: "north", store: "12" };
    expect(encoded(features, instance).slice(-2)).toEqual([0, 1]);
    expect(ignoredFields(features, instance, ["region"])).toEqual(["store"]);
    expect(ignoredFields(features, [1, 2], [])).toEqual([]);
  });

  it("refuse an instance without any column, unless the input allows it", () => {
    const names = ["heat", "rain", "hour", "look", "wind"];
    expect(faults(features, {}).map(({ path }) => path)).toEqual(names);
    expect(faults(features, { region: "north" })[0]).toEqual({
      path: "heat",
      expected: "a number",
      received: "nothing",
    });
    expect(faults({ ...features, mayBeEmpty: true }, {})).toEqual([]);
  });

  it("refuse numbers that overflow when standardised", () => {
    const narrow: FeaturesInput = {
      kind: "features",
      columns: [{ type: "number", name: "x", mean: 0, deviation: 0.1 }],
    };
    expect(encoded(narrow, { x: 1e37 })[0]).toBe(Math.fround(1e38));
    for (const x of [1e38, -1e38, 1e39]) expect(faults(narrow, { x })).toHaveLength(1);
  });

  it("name every fault at once, with its path, what was expected and what was received", () => {
    const wrong = { heat: "hot", rain: 1e39, hour: true, look: "hands", wind: 3 };
    expect(
      faults(features, wrong)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(["heat", "hour", "look", "rain", "wind"]);
    const [fault] = faults(features, { look: "hands" });
    expect(fault).toEqual({ path: "look", expected: "one of feet, head, or null", received: 'string "hands"' });
    expect(faults(features, [1, 2])[0]?.expected).toContain("named columns");
  });
});

describe("columns", () => {
  const input = (...columns: Column[]): FeaturesInput => ({ kind: "features", columns, mayBeEmpty: true });
  const turn = (value: number, period: number) =>
    [Math.sin, Math.cos].map((wave) => Math.fround(wave((2 * Math.PI * value) / period)));

  it("take numbers as text, but no other text", () => {
    const heat = input({ type: "number", name: "heat", mean: 20, deviation: 4 });
    for (const [text, value] of [
      ["50", 7.5],
      [" 24 ", 1],
      ["-2e1", -10],
      ["", 0],
    ] as const) {
      expect(encoded(heat, { heat: text })).toEqual([value]);
    }
    for (const text of ["5O", "1,5", "0x10", "Infinity", "NaN", "1e39"])
      expect(faults(heat, { heat: text })).toHaveLength(1);
  });

  it("limit a number to its range, then take its logarithm", () => {
    const price = input({ type: "number", name: "p", mean: 0, deviation: 1, clip: [-1, 99], log: true });
    for (const [p, value] of [
      [0, 0],
      [50, Math.log(51)],
      [1e30, Math.log(100)],
      [-5, -Math.log(2)],
    ] as const) {
      expect(encoded(price, { p })[0]).toBeCloseTo(value, 6);
    }
  });

  it("have a value for each interval between knots, and that of the mean for a missing one", () => {
    const price = input({ type: "number", name: "p", mean: 3, deviation: 1, knots: [0, 2, 10], indicator: true });
    for (const [p, values] of [
      [-7, [0, 0, 0]],
      [1, [0.5, 0, 0]],
      [4, [1, 0.25, 0]],
      [1e30, [1, 1, 0]],
      [null, [1, 0.125, 1]],
    ] as const) {
      expect(encoded(price, { p })).toEqual(values);
    }
    const falling = { type: "number", name: "p", mean: 0, deviation: 1, knots: [0, 2, 2] };
    expect(columnSchema.safeParse(falling).error?.issues[0]?.message).toContain("must rise");
  });

  it("say that a value is missing where they have an indicator", () => {
    const columns: Column[] = [
      { type: "number", name: "a", mean: 0, deviation: 1, indicator: true },
      { type: "category", name: "b", values: ["x"], other: true, indicator: true },
      { type: "boolean", name: "c", indicator: true },
    ];
    expect(encoded(input(...columns), {})).toEqual([0, 1, 0, 0, 1, 0, 1]);
    expect(encoded(input(...columns), { a: 3, b: "x", c: true })).toEqual([3, 0, 1, 0, 0, 1, 0]);
  });

  it("refuse a missing value where every training row has one", () => {
    const needed = input({ type: "number", name: "a", mean: 0, deviation: 1, required: true });
    for (const instance of [{}, { a: null }, { a: "" }]) {
      expect(faults(needed, instance)).toEqual([{ path: "a", expected: "a number", received: "nothing" }]);
    }
  });

  it("answer unknown values of a category with an other bucket, and take numbers and booleans as codes", () => {
    const code = input({ type: "category", name: "code", values: ["17", "true"], other: true });
    expect(encoded(code, { code: 17 })).toEqual([1, 0, 0]);
    expect(encoded(code, { code: true })).toEqual([0, 1, 0]);
    expect(encoded(code, { code: "new" })).toEqual([0, 0, 1]);
  });

  it("read booleans as words and as 0 and 1", () => {
    const flag = input({ type: "boolean", name: "f" });
    for (const f of [true, 1, "1", "TRUE", "yes"]) expect(encoded(flag, { f })).toEqual([1]);
    for (const f of [false, 0, "0", "False", "no"]) expect(encoded(flag, { f })).toEqual([-1]);
    expect(faults(flag, { f: 2 })).toHaveLength(1);
  });

  it("expand a date into its place in the year, the week and the day", () => {
    const when = input({ type: "date", name: "t", parts: ["dayOfYear", "weekday", "hour"] });
    // 2 February 2026 is a Monday.
    const expected = [...turn(33, 365.25), ...turn(1, 7), ...turn(6.5, 24)];
    for (const t of [
      "2026-02-02T06:30:00Z",
      "2026-02-02 06:30",
      Date.UTC(2026, 1, 2, 6, 30),
      "2026-02-02T07:30+01:00",
    ]) {
      expected.forEach((value, i) => void expect(encoded(when, { t })[i]).toBeCloseTo(value, 6));
    }
    for (const t of ["2026-02-30", "2.2.2026", "soon", true]) expect(faults(when, { t })).toHaveLength(1);
  });

  it("spread hashed values over the buckets, the same value always into the same", () => {
    const hashed = input({ type: "hashed", name: "h", buckets: 16 });
    const bucketOf = (h: string) => encoded(hashed, { h }).indexOf(1);
    const counts = new Array<number>(16).fill(0);
    for (let i = 0; i < 4_000; i++) {
      const bucket = bucketOf(`value ${i}`);
      counts[bucket] = (counts[bucket] as number) + 1;
    }
    // Each bucket gets 250 on average, with a standard deviation of 15.
    for (const n of counts) expect(Math.abs(n - 250)).toBeLessThan(75);
    expect(bucketOf("17")).toBe(encoded(hashed, { h: 17 }).indexOf(1));
  });

  it("hash the words of a text in any case, whatever stands between them, to a vector of length 1", () => {
    const text = input({ type: "text", name: "t", buckets: 512 });
    const vector = encoded(text, { t: "Where is my card?" });
    expect(encoded(text, { t: "where IS, my card" })).toEqual(vector);
    expect(Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))).toBeCloseTo(1, 6);
    // 4 words and 3 pairs.
    expect(vector.filter((value) => value !== 0).length).toBeLessThanOrEqual(7);
    const cosine = (other: string) =>
      encoded(text, { t: other }).reduce((sum, v, i) => sum + v * (vector[i] as number), 0);
    expect(cosine("Where is my new card?")).toBeGreaterThan(cosine("Top up by cheque") + 0.3);
  });
});

describe("tensor", () => {
  const tensor: TensorInput = { kind: "tensor", shape: [2, 3], dtype: "float32", scale: 0.5, offset: 1 };

  it("is scaled, from nested or from flat numbers", () => {
    const flat = [0, 1, 2, 3, 4, 5];
    expect(encoded(tensor, flat)).toEqual(flat.map((value) => value * 0.5 + 1));
    expect(
      encoded(tensor, [
        [0, 1, 2],
        [3, 4, 5],
      ]),
    ).toEqual(encoded(tensor, flat));
  });

  it("of another shape, or with values that are not finite, is refused", () => {
    const bad: Instance[] = [
      [0, 1],
      [
        [0, 1, 2],
        [3, 4],
      ],
      [[[0, 1, 2]], [3, 4, 5]],
      [1e39, 0, 0, 0, 0, 0],
      [1, 2, 3, 4, 5, 6, 7],
      [["1", 2, 3] as unknown as number[], [4, 5, 6]],
      { a: 1 },
    ];
    for (const instance of bad) expect(faults(tensor, instance)).toHaveLength(1);
    expect(faults({ ...tensor, scale: 100 }, [1e37, 0, 0, 0, 0, 0])[0]).toMatchObject({ path: "[0]" });
    expect(
      faults(tensor, [
        [0, 1, 2],
        [3, "4" as unknown as number, 5],
      ])[0],
    ).toMatchObject({ path: "[1][1]" });
    expect(faults({ ...tensor, dtype: "int32" }, [0.5, 0, 0, 0, 0, 0])[0]?.expected).toBe("an integer");
  });
});

describe("image", () => {
  const image: ImageInput = { kind: "image", size: [2, 2], channels: 1, scale: 1 / 255, offset: -0.5 };
  const pixels = [0, 255, 51, 102];
  const expected = [-0.5, 0.5, -0.3, -0.1].map(Math.fround);

  it("is scaled, from rows, from rows of channels, or from flat pixels", () => {
    const rows = [pixels.slice(0, 2), pixels.slice(2)];
    const channels = rows.map((row) => row.map((pixel) => [pixel]));
    for (const instance of [pixels, rows, channels]) {
      encoded(image, instance).forEach((value, i) => void expect(value).toBeCloseTo(expected[i] as number, 6));
    }
    const colour: ImageInput = { ...image, size: [1, 2], channels: 3 };
    expect(inputShapes(colour)).toEqual([[1, 2, 3]]);
    expect(
      encoded(colour, [
        [
          [0, 0, 0],
          [255, 255, 255],
        ],
      ]),
    ).toEqual([-0.5, -0.5, -0.5, 0.5, 0.5, 0.5]);
  });

  it("encodes the region as an input, and an unlisted region as zeros", () => {
    const regional: ImageInput = { ...image, regions: ["south", "north"] };
    expect(inputShapes(regional)).toEqual([[2, 2, 1], [2]]);
    expect(encoded(regional, pixels).slice(4)).toEqual([1, 0]);
    const elsewhere = encode(regional, pixels, { ...context, region: "moon" });
    expect(elsewhere.ok && Array.from(elsewhere.value.slice(4))).toEqual([0, 0]);
  });

  it("of another size, or with a value that is not a pixel, returns the path of the fault", () => {
    expect(faults(image, [0, 1, 2])).toHaveLength(1);
    expect(faults(image, [[0, 1], [2]])[0]).toMatchObject({ path: "[1]" });
    for (const wrong of [-1, 256, Number.NaN])
      expect(
        faults(image, [
          [0, 1],
          [2, wrong],
        ])[0]?.path,
      ).toBe("[1][1]");
    expect(faults(image, { a: 1 })).toHaveLength(1);
  });
});
