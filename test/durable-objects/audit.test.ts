import { describe, expect, it } from "vitest";
import { call, eventually, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

describe("an audit", () => {
  const audited = new TestRegion("watched");
  const policy = { keep: "all", auditShare: 0.5, uncertified: "escalate" } as const;
  const ids = Array.from({ length: 12 }, (_, i) => `watched~north~${i}`);
  const ask = () =>
    audited.ask(
      ids.map(() => instance(1)),
      ids,
    );
  const planned = () => audited.rows("SELECT id FROM trials ORDER BY id");

  const waiting = async () => {
    const { waiting: n } = await (await call("GET", "/v1/models/watched/review?limit=1")).json<{ waiting: number }>();
    return n;
  };

  it("goes to a person once, though the origin accepts its answer", async () => {
    await publish({ model: audited.model, threshold: 0, policy });
    expect((await ask()).every(({ rung, accepted }) => rung === "origin" && accepted)).toBe(true);
    const trials = await planned();
    expect(trials.length).toBeGreaterThan(1);
    await eventually(async () => expect(await waiting()).toBe(trials.length));
    await audited.inside((object) => object.alarm());
    expect(await waiting()).toBe(trials.length);
    const rungs = await audited.rows(
      "SELECT DISTINCT audited, (SELECT group_concat(value ->> 'rung') FROM json_each(opinions)) AS rungs FROM questions ORDER BY audited",
    );
    // What each rung thought is for the person alone.
    expect(rungs.at(-1)).toEqual({ audited: 1, rungs: "edge,origin" });
    await audited.teach(trials.map(({ id }) => ({ id: id as string, label: "a" })));
    await eventually(async () => expect(await waiting()).toBe(0));
    await ask();
    expect(await audited.rows("SELECT id FROM questions WHERE reviewAt IS NOT NULL")).toEqual([]);
  });
});
