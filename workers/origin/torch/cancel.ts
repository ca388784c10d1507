import { execFile } from "node:child_process";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { listIfPresent, readIfPresent } from "../disk.ts";

const cancelMaxMs = 30_000;

/**
 * Ends what trains below a folder, after the process that started it is gone: the program stops at its next step, and an
 * engine is told by the cancel command. Processes on this machine end by themselves.
 */
export async function cancelLaunched(root: string): Promise<void> {
  for (const name of await listIfPresent(root)) {
    const launched = await readIfPresent(join(root, name, "launched.json")).catch(() => null);
    if (!launched) continue;
    await writeFile(join(root, name, "stop"), "");
    const { cancel } = JSON.parse(launched.toString("utf8")) as { cancel: string | null };
    if (cancel === null) continue;
    await promisify(execFile)("sh", ["-c", cancel], { timeout: cancelMaxMs }).catch((error: Error) =>
      console.error(`The cancel command of ${join(root, name)} failed: ${error.message}`),
    );
  }
}
