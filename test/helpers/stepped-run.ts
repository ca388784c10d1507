import type { Run } from "#core/contract/index.ts";
import type { RegionObject } from "#objects/region/index.ts";
import type { Retrain } from "#objects/region/retrain/index.ts";
import type { TestRegion } from "./region.ts";

/** A retrain under test that runs step by step, without alarms. */
export class SteppedRun {
  readonly region: TestRegion;
  readonly id: string;

  private constructor(region: TestRegion, id: string) {
    this.region = region;
    this.id = id;
  }

  static async start(region: TestRegion, at = 200_000): Promise<SteppedRun> {
    const { id } = await region.inside(async (object, { storage }) => {
      const run = await object.startRetrain(1, at, 0);
      await storage.deleteAlarm();
      return run;
    });
    return new SteppedRun(region, id);
  }

  /** Returns the phase of the run; null once it is finished. */
  async phase(): Promise<string | null> {
    const [row] = await this.region.rows("SELECT phase FROM runs WHERE id = ? AND status = 'running'", this.id);
    return (row?.phase as string | undefined) ?? null;
  }

  /** Runs one step, and `meanwhile` at the same time. */
  step(meanwhile: (object: RegionObject) => unknown = () => {}): Promise<void> {
    return this.region.inside(async (object) => {
      const { retrain } = object as unknown as { retrain: Retrain };
      const [stepped] = await Promise.allSettled([retrain.step(this.id, 0), meanwhile(object)]);
      if (stepped.status === "rejected") throw stepped.reason;
    });
  }

  /** Runs all steps; returns the phase of each. */
  async finish(): Promise<string[]> {
    const phases: string[] = [];
    for (let phase = await this.phase(); phase !== null; phase = await this.phase()) {
      phases.push(phase);
      await this.step();
    }
    return phases;
  }

  async result(): Promise<Run & { head: string | undefined }> {
    const [row] = await this.region.rows("SELECT manifest FROM heads");
    const runs = await this.region.inside((object) => object.runs());
    const run = runs.find(({ id }) => id === this.id) as Run;
    return { ...run, head: row?.manifest ? JSON.parse(row.manifest as string).head.blob.sha256 : undefined };
  }
}
