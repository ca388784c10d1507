import canonicalize from "canonicalize";
import { expect, it } from "vitest";
import { canonicalJson } from "#core/canonical.ts";

it("serialises the example of RFC 8785, section 3.2, as the RFC does", () => {
  const value = JSON.parse(String.raw`{
    "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
    "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
    "literals": [null, true, false]
  }`);
  expect(canonicalJson(value)).toBe(
    String.raw`{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\u000f\nA'B\"\\\\\"/"}`,
  );
});

it("refuses a value that JSON cannot represent", () => {
  expect(() => canonicalJson(undefined)).toThrow(TypeError);
});

it("serialises flat objects as the library does", () => {
  const values = [
    {},
    { b: 1, a: 'é\u2028"', "10": -0, "9": 1e21, é: null, toJSON: "text" },
    { x: 0.1, y: true, "": "" },
  ];
  for (const value of values) expect(canonicalJson(value)).toBe(canonicalize(value));
  for (const value of [{ a: "\ud800" }, { "\udc00": 1 }]) {
    expect(() => canonicalJson(value)).toThrow("Lone surrogate is not allowed");
  }
  expect(() => canonicalJson({ a: Number.NaN })).toThrow("NaN is not allowed");
});
