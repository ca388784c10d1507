import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it } from "vitest";
import type { HeadManifest } from "#core/contract/index.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import type { Rollout } from "#objects/registry/rollout.ts";
import { HeadStore } from "#objects/registry/tables/heads.ts";

let registries = 0;

type Act = ["rollout" | "canary", number] | ["rollback"] | ["ready", number];
/** What happens to region `north`, which has a head on version 1 and is ready for no other, and where it is held then. */
type Story = [what: string, acts: Act[], heldOn: number | null];

const stories: Story[] = [
  [
    "a canary starts",
    [
      ["rollout", 2],
      ["canary", 3],
    ],
    1,
  ],
  [
    "a canary starts for which it is ready",
    [
      ["rollout", 2],
      ["ready", 3],
      ["canary", 3],
    ],
    1,
  ],
  [
    "it becomes ready for the canary alone",
    [
      ["rollout", 2],
      ["canary", 3],
      ["ready", 3],
    ],
    1,
  ],
  [
    "it becomes ready for the stable version, and not for the canary",
    [
      ["rollout", 2],
      ["canary", 3],
      ["ready", 2],
    ],
    2,
  ],
  [
    "it becomes ready for both",
    [
      ["rollout", 2],
      ["canary", 3],
      ["ready", 2],
      ["ready", 3],
    ],
    null,
  ],
  ["the canary ends", [["rollout", 2], ["ready", 3], ["canary", 3], ["rollback"]], 1],
  [
    "the stable version is rolled out again",
    [
      ["rollout", 2],
      ["ready", 3],
      ["canary", 3],
      ["rollout", 2],
    ],
    1,
  ],
  [
    "the canary is promoted before it is ready",
    [
      ["rollout", 2],
      ["canary", 3],
      ["rollout", 3],
    ],
    1,
  ],
  [
    "the canary is promoted and it is ready",
    [
      ["rollout", 2],
      ["ready", 3],
      ["canary", 3],
      ["rollout", 3],
    ],
    null,
  ],
  ["a promoted canary is rolled back", [["rollout", 2], ["canary", 3], ["rollout", 3], ["rollback"]], 1],
  [
    "another canary replaces the first",
    [
      ["rollout", 2],
      ["ready", 3],
      ["canary", 3],
      ["canary", 4],
    ],
    1,
  ],
  ["a canary starts beside the version of its head", [["canary", 3]], 1],
  ["such a canary ends", [["canary", 3], ["rollback"]], null],
];

it.each(stories)("a region stays on a version it has a head for when %s", async (_, acts, heldOn) => {
  const stub = env.REGISTRY.get(env.REGISTRY.idFromName(`holds-${++registries}`)) as DurableObjectStub<RegistryObject>;
  const held = await runInDurableObject(stub, (object, { storage: { sql } }) => {
    for (const version of [1, 2, 3, 4]) {
      sql.exec("INSERT INTO versions VALUES (?, '', 'prepared', '', '', 'null')", version);
    }
    const heads = new HeadStore(sql);
    heads.add({ base: 1, region: "north", number: 1 } as HeadManifest);
    heads.setPointer(1, "north", 1, null);
    object.rollout(1, null);
    for (const [act, version = 0] of acts) {
      if (act === "rollback") object.rollback();
      else if (act === "rollout") object.rollout(version, null);
      else if (act === "canary") object.rollout(version, 0.5);
      else {
        heads.setPointer(version, "north", null, null);
        (object as unknown as { pointers: Rollout }).pointers.release("north", version);
      }
    }
    return object.pointer().heldBack.north ?? null;
  });
  expect(held).toBe(heldOn);
});
