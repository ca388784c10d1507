import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { expect, it, onTestFinished } from "vitest";
import { blobKey } from "#core/artefacts.ts";
import type { Answer, HeadManifest, ModelPointer } from "#core/contract/index.ts";
import { copyKey } from "#core/registry-copy.ts";
import type { RegionObject } from "#objects/region/index.ts";
import type { RegistryObject } from "#objects/registry/index.ts";
import { type Act, draw, type Planned } from "../helpers/faults/catalogue.ts";
import { breakNow, install, repairAll } from "../helpers/faults/inject.ts";
import { checkAll, checkAnswers, noViolations, type Violations } from "../helpers/faults/invariants.ts";
import { World } from "../helpers/faults/world.ts";
import { seeded } from "../helpers/random.ts";

/** `npm run faults` injects 1,000; here a part of the same. */
const settings = env as unknown as { FAULTS: string; FAULTS_SEED: string };
const count = Number(settings.FAULTS || 50);
const seed = Number(settings.FAULTS_SEED || 18);
const perWorld = 50;
/** How often a caller repeats a request that was not acknowledged. */
const tries = 8;
const origin = (model: string, fault: string) => `${env.NEXT_RUNG_URL}/fault/${model}/${fault}`;

/** Prints how far the long run is, and when it ends. */
function progress(done: number, startedAt: number): void {
  if (count <= 50 || done % 50 !== 0) return;
  const seconds = (performance.now() - startedAt) / 1_000;
  const left = Math.round((seconds / done) * (count - done));
  console.log(`${done} of ${count} faults in ${Math.round(seconds)} s; ${left} s to go`);
}

/** An object with an alarm: a region or a registry. */
type Alarmed = RegionObject | RegistryObject;

/** One fault in a world: what is done while something fails, the repair, and what must hold then. */
class Episode {
  private readonly world: World;
  private readonly planned: Planned;
  private readonly random: () => number;
  private readonly version: number;
  private readonly key: string;
  private readonly rows: ReturnType<World["someRows"]>;
  private readonly labelled: ReturnType<World["unlabelled"]>;
  private answers: Answer[] = [];
  private rollout: object | null = {};

  constructor(world: World, planned: Planned, random: () => number) {
    this.world = world;
    this.planned = planned;
    this.random = random;
    this.version = world.latest + 1;
    this.key = world.nextKey();
    this.rows = world.someRows(3);
    this.labelled = world.unlabelled(6);
  }

  /** Returns whether an object was killed. */
  async run(found: Violations): Promise<boolean> {
    const { world, planned } = this;
    await this.prepare();
    await this.inject();
    const first = await this.attempt();
    const { counted, killed } = repairAll();
    if (planned.fault.kind === "kill") {
      statements.set(placeOf(planned), Math.max(counted, statements.get(placeOf(planned)) ?? 0));
    }
    if (planned.fault.kind === "origin") await fetch(origin(world.above, "none"), { method: "PUT" });
    if (this.random() < 0.5) world.forgetMemory();
    for (let again = 0; first !== null && again < tries; again++) {
      const error = await this.attempt();
      if (error === null) break;
      if (again === tries - 1) throw new Error(`not acknowledged after the repair: ${error}`);
      await world.drive();
    }
    if (planned.fault.kind === "damage") await this.repair();
    if (!(await world.drive())) found.lost.push("jobs that never end");
    return killed;
  }

  /** Compares everything with what callers know, and what the next callers get. Returns how many answers are certified. */
  async check(found: Violations): Promise<number> {
    this.answers.push(...(await this.world.ask(this.world.model, 2)));
    await checkAll(this.world, found, { deep: ["retrain", "teach", "publish"].includes(this.planned.act) });
    await checkAnswers(this.world, this.answers, found);
    return this.answers.filter(({ certificate }) => certificate !== null).length;
  }

  /** What is done before: there is something to teach, to roll out, to restore. */
  private async prepare(): Promise<void> {
    const { world, planned } = this;
    if (planned.act === "teach" && this.labelled.length === 0) {
      await world.ask(world.model, 6);
      this.labelled.push(...world.unlabelled(6));
    }
    if (planned.act === "rollout") {
      const { canary, stable, previous } = await world.pointer();
      const draws = [
        ...(canary ? [null, { version: canary.version }] : []),
        ...(!canary && previous !== null ? [null] : []),
        { version: 1 + Math.floor(this.random() * world.latest) },
        ...(world.latest !== stable ? [{ version: world.latest, share: 0.5 }] : []),
      ];
      this.rollout = draws[Math.floor(this.random() * draws.length)] as object | null;
    }
    if (planned.act === "restore") await world.loseRegistry();
    if (this.random() < 0.5 || ["kv", "r2", "damage"].includes(planned.fault.kind)) world.forgetMemory();
  }

  private async inject(): Promise<void> {
    const { world, planned } = this;
    const { fault } = planned;
    switch (fault.kind) {
      case "kill": {
        const model = planned.act === "ask-above" ? world.above : world.model;
        const victim = await world.victim(fault.of === "region" ? world.region(model) : world.registry(model));
        const most = statements.get(placeOf(planned)) ?? 40;
        return breakNow({ kill: { victim, at: 1 + Math.floor(this.random() * most), counted: 0 } });
      }
      case "kv":
        return breakNow({ kv: fault.how });
      case "r2":
        return breakNow({ r2: fault.how });
      case "clock":
        return breakNow({ clocks: fault });
      case "alarms":
        return;
      case "origin":
        if (fault.how === "refused") breakNow({ origin: "http://127.0.0.1:1" });
        else if (fault.how === "tls") breakNow({ origin: env.NEXT_RUNG_URL.replace("http:", "https:") });
        else await fetch(origin(world.above, fault.how), { method: "PUT" });
        return;
      case "damage":
        return this.damage();
    }
  }

  /** Does the act once, with the alarms that follow it. Returns why it was not acknowledged; null where it was. */
  private async attempt(): Promise<string | null> {
    try {
      await this.act();
      return null;
    } catch (error) {
      return String(error);
    } finally {
      // What an act leaves to alarms happens while the fault lasts.
      await this.alarms().catch(() => {});
    }
  }

  private async act(): Promise<void> {
    const { world, version, rows, key } = this;
    switch (this.planned.act) {
      case "ask":
        this.answers = await world.askRows(world.model, rows, {}, key);
        return;
      case "ask-above":
        this.answers = await world.askRows(world.above, rows, { remainingMs: 400 }, key);
        return;
      case "teach":
        return world.teach(0, this.labelled);
      case "retrain":
        return world.retrain();
      case "publish":
        return world.publishNext(version);
      case "rollout":
        return this.rollout === null ? this.rollback() : world.rollout(this.rollout);
      case "restore":
        return this.restore();
    }
  }

  // A request that is repeated may find that it was done.
  private async rollback(): Promise<void> {
    const before = await this.world.pointer();
    if (before.canary || before.previous !== null) await this.world.rollback();
  }

  private async restore(): Promise<void> {
    const isEmpty = await runInDurableObject(this.world.registry(), (object) => object.list().versions.length === 0);
    if (isEmpty) await this.world.restore();
  }

  private async alarms(): Promise<void> {
    const { world, planned } = this;
    const model = planned.act === "ask-above" ? world.above : world.model;
    const isTwice = planned.fault.kind === "alarms";
    for (const stub of [world.region(model), world.registry(model)]) {
      await runInDurableObject(stub as DurableObjectStub<Alarmed>, async (object: Alarmed, { storage }) => {
        storage.sql.exec(
          "UPDATE jobs SET due = 1 WHERE kind IN ('outbox', 'copy', 'prepare', 'adopt', 'rule', 'retrain')",
        );
        await Promise.all([object.alarm(), isTwice ? object.alarm() : null]);
        if (isTwice) await object.alarm();
      });
    }
  }

  /** Spoils or loses something in a store for good. */
  private async damage(): Promise<void> {
    const { world, planned } = this;
    if (planned.fault.kind !== "damage") return;
    const { model } = world;
    const current = `current/${model}`;
    const head = (await runInDurableObject(world.registry(), (object) => object.headPointer(1, "north")))
      .head as HeadManifest;
    const blob = head.head.blob.sha256;
    switch (planned.fault.of) {
      case "pointer-lost":
        await env.CACHE.delete(current);
        return env.CACHE.delete(`head/${model}/1/north`);
      case "pointer-old": {
        const old: ModelPointer = { ...(await world.pointer()), revision: 1, stable: 1, canary: null, heldBack: {} };
        return env.CACHE.put(current, JSON.stringify(old));
      }
      case "pointer-spoilt":
        await env.CACHE.put(current, '{"revision":');
        return env.CACHE.put(
          `head/${model}/1/north`,
          JSON.stringify({ revision: 1, head: { ...head, number: 99 }, rule: null }),
        );
      case "head-lost":
        await env.CACHE.delete(`blob/${blob}`);
        return env.ARTEFACTS.delete(blobKey(blob));
      case "head-spoilt":
        await env.CACHE.put(`blob/${blob}`, "nonsense");
        await env.ARTEFACTS.put(blobKey(blob), "nonsense");
        return;
      case "copy-spoilt":
        await env.ARTEFACTS.put(copyKey(model), "nonsense");
    }
  }

  // What is lost in a store is found by the registry's hourly look, and by the region's daily one.
  private async repair(): Promise<void> {
    const { world } = this;
    for (const [stub, kind] of [
      [world.registry(), "reconcile"],
      [world.region(), "heads"],
    ] as const) {
      await runInDurableObject(stub as DurableObjectStub<Alarmed>, async (object: Alarmed, { storage }) => {
        storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = ?", kind);
        await object.alarm();
      });
    }
  }
}

/** How many statements an act runs in an object, as far as is known: a kill comes before one of them. */
const statements = new Map<string, number>();
const placeOf = ({ act, fault }: Planned) => `${act} ${fault.kind === "kill" ? fault.of : ""}`;

const describeFault = ({ act, fault }: Planned) => `${act}: ${JSON.stringify(fault)}`;

it(`${count} injected faults lose nothing, count nothing twice and show no wrong answer as certified`, {
  timeout: 120_000 + count * 10_000,
}, async () => {
  const random = seeded(seed);
  const total = noViolations();
  const summary = new Map<string, { faults: number; acts: Set<Act> }>();
  const startedAt = performance.now();
  let world: World | null = null;
  let certified = 0;
  let kills = 0;
  let worlds = 0;
  for (const [i, planned] of draw(count, random).entries()) {
    if (i % perWorld === 0 || !world) {
      world = await World.create(`faults-${seed}-${++worlds}`, random);
      if (i === 0) {
        const { sql } = await world.victim(world.region());
        onTestFinished(await install(sql));
      }
    }
    const found = noViolations();
    const episode = new Episode(world, planned, random);
    try {
      if (await episode.run(found)) kills++;
      certified += await episode.check(found);
    } catch (error) {
      found.lost.push(String(error));
    }
    for (const kind of Object.keys(total) as (keyof Violations)[]) {
      const texts = found[kind].slice(0, 3).map((text) => `fault ${i}, ${describeFault(planned)}: ${text}`);
      total[kind].push(...texts);
      for (const text of texts) console.error(`${kind}: ${text}`);
    }
    const { kind } = planned.fault;
    const known = summary.get(kind) ?? { faults: 0, acts: new Set() };
    summary.set(kind, { faults: known.faults + 1, acts: known.acts.add(planned.act) });
    // A world in which something is wrong would say so of every fault after it.
    if (Object.values(found).some((texts) => texts.length > 0)) world = null;
    progress(i + 1, startedAt);
  }
  if (settings.FAULTS) {
    const kinds = [...summary].map(([kind, { faults }]) => `${kind} ${faults}`).join(", ");
    const done = `${kills} objects killed at a statement, ${certified} certified answers compared`;
    const numbers = Object.entries(total).map(([kind, texts]) => `${kind} ${texts.length}`);
    console.log(`${count} faults (seed ${seed}): ${kinds}; ${done}. ${numbers.join(", ")}.`);
  }
  expect(certified).toBeGreaterThan(0);
  expect(total).toEqual(noViolations());
});
