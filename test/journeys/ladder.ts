import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Ladder, startLadder } from "../../scripts/local/ladder.ts";
import { freePort } from "../../scripts/local/ports.ts";

/** A whole ladder with nothing published, in a folder of its own: real edge, real objects, real origin. */
export async function temporaryLadder(): Promise<Ladder & { folder: string }> {
  const folder = await mkdtemp(join(tmpdir(), "upriver-test-"));
  const ports = { edge: await freePort(), origin: await freePort() };
  const ladder = await startLadder({ folder, ports, recipe: null });
  return {
    ...ladder,
    folder,
    async stop() {
      await ladder.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
