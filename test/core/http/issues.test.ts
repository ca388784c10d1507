import { describe, expect, it } from "vitest";
import * as z from "zod";
import { askSchema, rollbackSchema, rolloutSchema } from "#core/contract/index.ts";
import { invalidFieldsOf, sentenceOf } from "#core/http/issues.ts";

const sentences = (schema: z.ZodType, value: unknown) => invalidFieldsOf(schema, value).map(sentenceOf);

const kinds: [string, z.ZodType, unknown, string][] = [
  ["a wrong type", z.strictObject({ a: z.string() }), { a: 1 }, "a must be a string; received 1."],
  ["a missing field", z.strictObject({ a: z.string() }), {}, "a is required: a string."],
  ["a wrong body", z.strictObject({}), 3, "The body must be an object; received 3."],
  ["a number too big", z.strictObject({ a: z.number().lt(1) }), { a: 5 }, "a must be a number below 1; received 5."],
  [
    "a number too small",
    z.strictObject({ a: z.number().min(2) }),
    { a: 1 },
    "a must be a number of at least 2; received 1.",
  ],
  [
    "a number that is not positive",
    z.strictObject({ a: z.number().gt(0) }),
    { a: 0 },
    "a must be a positive number; received 0.",
  ],
  [
    "a string too long",
    z.strictObject({ a: z.string().max(2) }),
    { a: "abc" },
    'a must be a string of at most 2 characters; received "abc".',
  ],
  [
    "an empty string",
    z.strictObject({ a: z.string().min(1) }),
    { a: "" },
    'a must be a string that is not empty; received "".',
  ],
  [
    "an array too long",
    z.array(z.int()).max(1),
    [1, 2],
    "The body must be an array of at most 1 elements; received an array of 2.",
  ],
  ["a fraction", z.strictObject({ a: z.int() }), { a: 1.5 }, "a must be an integer; received 1.5."],
  [
    "a pattern with a text",
    z.strictObject({ a: z.string().regex(/^x$/, "the letter x") }),
    { a: "y" },
    'a must be the letter x; received "y".',
  ],
  [
    "a pattern without a text",
    z.strictObject({ a: z.string().regex(/^x$/) }),
    { a: "y" },
    'a must be a string that matches /^x$/; received "y".',
  ],
  ["a date", z.strictObject({ a: z.iso.date() }), { a: "y" }, 'a must be a date like 2026-01-31; received "y".'],
  [
    "an unlisted value",
    z.strictObject({ a: z.enum(["b", "c"]) }),
    { a: "d" },
    'a must be one of "b", "c"; received "d".',
  ],
  [
    "an unknown field of the body",
    z.strictObject({ a: z.int(), b: z.int().optional() }),
    { a: 1, c: 1 },
    "c is not a known field; allowed: a, b.",
  ],
  ["an unknown field", z.strictObject({ a: z.strictObject({}) }), { a: { b: 1 } }, "a.b is not a known field of a."],
  [
    "no type of a union",
    z.strictObject({ a: z.union([z.string(), z.number()]) }),
    { a: true },
    "a must be a string or a number; received true.",
  ],
  [
    "the closest form of a union",
    z.union([z.string(), z.strictObject({ b: z.int() })]),
    { b: 1.5 },
    "b must be an integer; received 1.5.",
  ],
  [
    "no kind of a discriminated union",
    z.discriminatedUnion("k", [z.strictObject({ k: z.literal("a") }), z.strictObject({ k: z.literal("b") })]),
    { k: "c" },
    'k must be one of the known kinds; received "c".',
  ],
  [
    "a refinement",
    z.strictObject({ a: z.int() }).refine(() => false, "an odd number"),
    { a: 1 },
    "The body must be an odd number.",
  ],
  [
    "a key",
    z.record(z.string().regex(/^x$/, "the letter x"), z.int()),
    { y: 1 },
    "y must be valid in each key (the letter x); received 1.",
  ],
  ["a multiple", z.strictObject({ a: z.number().multipleOf(5) }), { a: 3 }, "a must be a multiple of 5; received 3."],
];

describe("a sentence for an invalid field", () => {
  it.each(kinds)("names what is allowed and what was received: %s", (_, schema, value, sentence) => {
    expect(sentences(schema, value)).toEqual([sentence]);
  });

  it("never repeats a message of the schema library", () => {
    const values = [
      { version: "two" },
      { version: 1, share: 5 },
      { version: 1, watch: "x" },
      { head: 0 },
      [],
      null,
      { x: 1 },
    ];
    for (const schema of [rolloutSchema, rollbackSchema, askSchema]) {
      for (const value of values)
        expect(sentences(schema, value).join(" ")).not.toMatch(/Invalid|Too |expected|Unrecognized/);
    }
    expect(sentences(rolloutSchema, { version: 1, share: 5 })).toEqual([
      "share must be a number above 0 and below 1; received 5.",
    ]);
  });

  it("reports 20 errors at most", () => {
    expect(invalidFieldsOf(z.array(z.int()), new Array(50).fill("x"))).toHaveLength(20);
  });
});
