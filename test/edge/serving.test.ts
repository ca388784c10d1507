import { describe, expect, it } from "vitest";
import type { Regions, Serving } from "#core/contract/index.ts";
import { call, expectOk, publish } from "../helpers/edge.ts";
import { testKeys } from "../helpers/keys.ts";

const open: Regions = { from: "field", name: "region", keys: ["north"], parent: "world", open: { perTokenPerDay: 1 } };

async function read(model: string, region: string): Promise<Serving> {
  const path = `/v1/models/${model}/regions/${region}/serving`;
  return (await expectOk(call("GET", path, { token: "ask-token" }))).json();
}

describe("GET /v1/models/{model}/regions/{region}/serving", () => {
  it("names the version, the head and the rule of a region, and the keys that verify them", async () => {
    const { manifest } = await publish({ model: "served" });
    const served = await read("served", "north");
    expect(served).toMatchObject({
      ...{ model: "served", region: "north", version: 1, backbone: manifest.thin.backbone.sha256 },
      ...{ own: { revision: 0, head: null, rule: null }, parent: null, publishKeys: testKeys.publish.publicKeys },
    });
    expect(served.revision).toBeGreaterThan(0);
    expect(Object.keys(served.deploymentKeys)).not.toEqual([]);
  });

  it("shows the parent's for a region that would open, opens none, and knows no other", async () => {
    await publish({ model: "served-open", policy: { regions: open } });
    for (let i = 0; i < 3; i++) {
      expect(await read("served-open", `new-${i}`)).toMatchObject({ parent: { region: "world" } });
    }
    const unknown = await call("GET", "/v1/models/served/regions/nowhere/serving", { token: "ask-token" });
    expect(unknown.status).toBe(404);
  });
});
