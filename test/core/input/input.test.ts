import { describe, expect, it } from "vitest";
import type { Column, FeaturesInput, ImageInput, Input, Instance, TensorInput } from "#core/contract/index.ts";
import { encode, inputShapes } from "#core/input/index.ts";
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
const context = { region: "south", extraColumns: ["region"] };

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
    }
  });

  it("accept extra columns only where the model allows them, and the region only once", () => {
    const aside = { region: "north", store: "12" };
    expect(faults(features, aside).map(({ path }) => path)).toEqual(["store"]);
    const allowed = encode(features, aside, { ...context, extraColumns: ["region", "store"] });
    expect(allowed.ok && Array.from(allowed.value.slice(-2))).toEqual([0, 1]);
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
    const wrong = { heat: "hot", rain: 1e39, hour: true, look: "hands", wind: 3, colour: "red" };
    expect(
      faults(features, wrong)
        .map(({ path }) => path)
        .sort(),
    ).toEqual(["colour", "heat", "hour", "look", "rain", "wind"]);
    const [fault] = faults(features, { look: "hands" });
    expect(fault).toEqual({ path: "look", expected: "one of feet, head, or null", received: 'string "hands"' });
    expect(faults(features, [1, 2])[0]?.expected).toContain("named columns");
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
