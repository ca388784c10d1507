import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import { migrate } from "#objects/migrate.ts";
import { migrations } from "#objects/uplink/migrations.ts";
import { ContributedRegions } from "#objects/uplink/tables/contributed.ts";
import { Line } from "#objects/uplink/tables/line.ts";
import { SentSums } from "#objects/uplink/tables/sent.ts";
import { Settings } from "#objects/uplink/tables/settings.ts";
import { SharedRegions } from "#objects/uplink/tables/shared.ts";

it("an uplink of an earlier release keeps its line, and has sent up nothing but questions", async () => {
  const stub = env.REGION.get(env.REGION.idFromName("migrated~uplink"));
  const found = await runInDurableObject(stub, async (_, { storage }) => {
    await storage.deleteAll();
    migrate(storage, migrations.slice(0, 1));
    storage.sql.exec("INSERT INTO line VALUES ('above', 'cut', 5, 'away')");
    migrate(storage, migrations);
    const { sql } = storage;
    const shared = new SharedRegions(sql);
    const before = [shared.get("shop", "north"), shared.waiting(), new Settings(sql).get("share")];
    shared.set("shop", "north", { epoch: "e", revision: 3, seen: 7 });
    return { before, waiting: shared.waiting(), line: new Line(sql).get(), sums: new ContributedRegions(sql).all() };
  });
  expect(found).toEqual({
    before: [{ epoch: null, revision: 0, seen: 0 }, 0, null],
    waiting: 4,
    line: { state: "cut", since: 5, reason: "away" },
    sums: [],
  });
});

it("an uplink that has sent sums keeps them, and has no record of their classes", async () => {
  const stub = env.REGION.get(env.REGION.idFromName("migrated~uplink"));
  const found = await runInDurableObject(stub, async (_, { storage }) => {
    await storage.deleteAll();
    migrate(storage, migrations.slice(0, 2));
    storage.sql.exec("INSERT INTO contributed VALUES ('shop', 'north', 'world', 7, 12, 0, 'b', 5, NULL)");
    migrate(storage, migrations);
    const { sql } = storage;
    const sent = new SentSums(sql);
    const before = sent.of("shop", "north");
    for (const labels of [9, 12]) {
      sent.set({ model: "shop", region: "north", backbone: "b", classes: [["a", labels, "0"]] });
    }
    return { before, after: sent.of("shop", "north"), sums: new ContributedRegions(sql).all() };
  });
  expect(found).toEqual({
    before: [],
    after: [{ backbone: "b", classes: [["a", 12, "0"]] }],
    sums: [expect.objectContaining({ model: "shop", region: "north", labels: 12, revision: 7 })],
  });
});
