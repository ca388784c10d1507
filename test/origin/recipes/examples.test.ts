import { existsSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { builtIns, exampleRecipe, type Row } from "#origin/recipes/index.ts";
import { planInput } from "#origin/train/columns.ts";
import { encodeRows } from "#origin/train/dataset.ts";

const storefront = exampleRecipe("storefront");
const weather = exampleRecipe("weather");

describe("exampleRecipe", () => {
  it("lists the recipes' names when there is none of that name", () => {
    expect(builtIns.map(({ document }) => document.name)).toEqual(["storefront", "weather", "temperature", "fashion"]);
    expect(() => exampleRecipe("pets")).toThrow(/storefront, weather/);
  });
});

type Visit = Record<string, number | string | boolean | null>;

describe("storefront", () => {
  it("generates the same rows every time", async () => {
    const [one, two] = [await storefront.load({}), await storefront.load({})];
    expect(one.length).toBeGreaterThan(20_000);
    expect(JSON.stringify(one) === JSON.stringify(two)).toBe(true);
    expect(one.every(({ at }, i) => i === 0 || at >= (one[i - 1] as Row).at - 24 * 3600_000)).toBe(true);
  });

  it("has twelve regions that differ in labels for the same features", async () => {
    const rows = await storefront.load({});
    expect(new Set(rows.map(({ region }) => region)).size).toBe(12);
    const bought = (region: string, where: (instance: Visit) => boolean) => {
      const counts = new Map<string, number>();
      for (const { label } of rows.filter((row) => row.region === region && where(row.instance as Visit))) {
        counts.set(label, (counts.get(label) ?? 0) + 1);
      }
      return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0];
    };
    // The same weather and the same page, but another purchase.
    const hotFeet = ({ temperature, rainMm, lookedAt }: Visit) =>
      Number(temperature) > 28 && Number(rainMm) === 0 && lookedAt === "feet";
    expect([bought("lagoon", hotFeet), bought("temple", hotFeet)]).toEqual(["flip-flops", "sneakers"]);
    const hotHead = ({ temperature, rainMm, lookedAt }: Visit) =>
      Number(temperature) > 28 && Number(rainMm) === 0 && lookedAt === "head";
    expect([bought("lagoon", hotHead), bought("mesa", hotHead)]).toEqual(["sun-hat", "umbrella"]);
  });
});

describe("weather", () => {
  const header =
    "Date,Location,MinTemp,MaxTemp,Rainfall,Evaporation,Sunshine,WindGustDir,WindGustSpeed,WindDir9am,WindDir3pm,WindSpeed9am," +
    "WindSpeed3pm,Humidity9am,Humidity3pm,Pressure9am,Pressure3pm,Cloud9am,Cloud3pm,Temp9am,Temp3pm,RainToday,RainTomorrow";
  const csv = [
    header,
    "2008-12-02,Albury,7.4,25.1,0.0,,,WNW,44.0,NNW,WSW,4.0,22.0,44.0,25.0,1010.6,1007.8,,,17.2,24.3,No,Yes",
    "2008-12-01,Perth,13.4,22.9,0.6,NA,,W,44.0,W,WNW,20.0,24.0,71.0,22.0,1007.7,1007.1,8.0,,16.9,21.8,NA,No",
    "2008-12-03,Perth,13.4,22.9,0.6,,,W,44.0,W,WNW,20.0,24.0,71.0,22.0,1007.7,1007.1,8.0,,16.9,21.8,No,",
  ].join("\n");

  it("reads CSV, plain or gzipped: missing values, the date, no row without a label", async () => {
    const folder = await mkdtemp(join(tmpdir(), "upriver-weather-"));
    await writeFile(join(folder, "a.csv"), csv);
    await writeFile(join(folder, "a.csv.gz"), gzipSync(csv));
    const rows = await weather.load({ file: join(folder, "a.csv") });
    const plain = (some: readonly Row[]) =>
      some.map(({ region, label, at, instance }) => ({ region, label, at, instance }));
    expect(plain(await weather.load({ file: join(folder, "a.csv.gz") }))).toEqual(plain(rows));
    expect(rows.map(({ region, label, at }) => [region, label, new Date(at).toISOString().slice(0, 10)])).toEqual([
      ["Perth", "No", "2008-12-01"],
      ["Albury", "Yes", "2008-12-02"],
    ]);
    expect(rows[0]?.instance).toMatchObject({
      Location: "Perth",
      MinTemp: 13.4,
      Evaporation: null,
      RainToday: null,
      Date: "2008-12-01",
      WindGustDir: "W",
    });
  });

  it("names the option for the data when there is none", async () => {
    await expect(weather.load({ file: "/nowhere.csv" })).rejects.toThrow(/--data FILE/);
  });

  const shared = process.env.UPRIVER_SHARED ?? join(import.meta.dirname, "../../../../shared");
  const isThere = existsSync(join(shared, "data/weather-aus/weather-aus.csv.gz"));
  it("reads the real data: 49 stations, 25 inputs and the station", async (context) => {
    if (!isThere) context.skip("the shared data is missing; set UPRIVER_SHARED");
    const rows = await weather.load({});
    expect(new Set(rows.map(({ region }) => region)).size).toBe(49);
    const { regions } = weather.policy;
    expect([...new Set(rows.map(({ region }) => region))].every((region) => regions.keys.includes(region))).toBe(true);
    const sample = rows.filter((_, i) => i % 100 === 0);
    expect(encodeRows(weather, planInput(weather.thin.input, sample), sample).shapes).toEqual([[25 + 16 + 49]]);
  });
});
