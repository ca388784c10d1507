import { mkdtemp, readFile, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const memory = "/dev/shm";
/** Several times what all tests write. */
const freeMinBytes = 2 * 1024 ** 3;

/** Gives all temporary folders of a run one parent, and removes it at the end: a killed test leaves its folder there. */
export default async function setup(): Promise<() => Promise<void>> {
  const folder = await mkdtemp(join(await parent(), "upriver-tests-"));
  process.env.TMPDIR = folder;
  return () => rm(folder, { recursive: true, force: true, maxRetries: 5 });
}

/** Memory where there is enough of it: objects write to the disk and wait for it, some milliseconds each time. */
async function parent(): Promise<string> {
  const mounts = await readFile("/proc/mounts", "utf8").catch(() => "");
  const options = mounts.split("\n").find((line) => line.split(" ")[1] === memory);
  // Tests also run programs that they write.
  if (!options || options.includes("noexec")) return tmpdir();
  const { bavail, bsize } = await statfs(memory);
  return bavail * bsize < freeMinBytes ? tmpdir() : memory;
}
