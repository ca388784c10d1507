import { expect, it } from "vitest";
import { Runs } from "#objects/region/tables/runs.ts";
import { TestRegion } from "../helpers/region.ts";

it("what a run has found is kept whole, also above the size of a row, and replaced by less", async () => {
  const region = new TestRegion("run-state");
  await region.inside((_, { storage }) => {
    const runs = new Runs(storage.sql);
    const large = Uint8Array.from({ length: 5_000_001 }, (_, i) => (i * 7) % 251);
    const sizeOf = (name: string) => {
      const bytes = new Uint8Array(runs.state<ArrayBuffer>("run", name) as ArrayBuffer);
      return [bytes.length, bytes.at(-1), bytes[3_000_000]];
    };
    runs.saveState("run", "fit", large.buffer);
    runs.saveState("run", "split", "held out");
    expect(sizeOf("fit")).toEqual([large.length, large.at(-1), large[3_000_000]]);
    runs.saveState("run", "fit", large.slice(0, 10).buffer);
    expect(sizeOf("fit")).toEqual([10, large[9], undefined]);
    expect(runs.state("run", "split")).toBe("held out");
    expect(runs.state("run", "analytic")).toBeNull();
    expect(storage.sql.exec<{ n: number }>("SELECT count(*) AS n FROM run_state").one().n).toBe(2);
  });
});
