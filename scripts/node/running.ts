import { setTimeout } from "node:timers/promises";
import { readJson } from "../local/read-json.ts";
import { isRunning, isStopped, type Mark, markOf, removeMarks, writeMarks } from "./marks.ts";
import { pathsOf } from "./state.ts";

/** The processes of a node that runs, and its address. */
export interface Running {
  url: string;
  node: Mark;
  workerd: Mark | null;
}

const endMs = 10_000;
const pollMs = 50;
const watchEveryMs = 2_000;

/** Returns the node that runs in a folder; null where none does. */
export async function runningIn(data: string): Promise<Running | null> {
  const running = await readJson<Running>(pathsOf(data).running);
  return running?.node && (await isRunning(running.node)) ? running : null;
}

/** Returns the workerd that writes to a folder, whether its node still lives or was killed; null without one. */
export async function workerdIn(data: string): Promise<Mark | null> {
  const workerd = (await readJson<Running>(pathsOf(data).running))?.workerd ?? null;
  return workerd && (await isRunning(workerd)) ? workerd : null;
}

/**
 * Claims a folder for this process. Throws where a node runs in it, or a backup of it is under way. A workerd that outlived its
 * node, which was killed, is stopped first: two of them would write to one disk.
 */
export async function claim(data: string, url: string): Promise<(workerd: number | null) => Promise<void>> {
  const { running: path, backup } = pathsOf(data);
  const other = await runningIn(data);
  if (other && other.node.pid !== process.pid) {
    throw new Error(
      `A node runs in ${data} already: ${other.url} (process ${other.node.pid}). Stop it first, or use another folder.`,
    );
  }
  await refuseDuringBackup(data, backup);
  const orphan = await workerdIn(data);
  if (orphan) await end(orphan);
  const node = (await markOf(process.pid)) as Mark;
  const mark = async (workerd: number | null) =>
    writeMarks(path, { url, node, workerd: workerd === null ? null : await markOf(workerd) } satisfies Running);
  await mark(null);
  // Whichever of a backup and a start comes second sees the other.
  await refuseDuringBackup(data, backup).catch(async (error) => {
    await unclaim(data);
    throw error;
  });
  return mark;
}

async function refuseDuringBackup(data: string, path: string): Promise<void> {
  const copying = await readJson<Mark>(path);
  if (!copying || !(await isRunning(copying))) return;
  throw new Error(`A backup of ${data} is under way (process ${copying.pid}). Start the node when it is done.`);
}

export async function unclaim(data: string): Promise<void> {
  await removeMarks(pathsOf(data).running);
}

/** Wakes a workerd that a backup stopped and was killed before it let it go on. Returns what ends the watch. */
export function wakeFrozen(data: string, workerd: number): () => void {
  const timer = setInterval(() => void wake(data, workerd).catch(() => {}), watchEveryMs);
  timer.unref();
  return () => clearInterval(timer);
}

async function wake(data: string, workerd: number): Promise<void> {
  const path = pathsOf(data).backup;
  const copying = await readJson<Mark>(path);
  if (!copying || (await isRunning(copying))) return;
  if (await isStopped(workerd)) process.kill(workerd, "SIGCONT");
  await removeMarks(path);
}

async function end(mark: Mark): Promise<void> {
  for (const signal of ["SIGTERM", "SIGKILL"] as const) {
    // A backup may have left it stopped.
    process.kill(mark.pid, "SIGCONT");
    process.kill(mark.pid, signal);
    const until = Date.now() + endMs;
    while (Date.now() < until) {
      if (!(await isRunning(mark))) return;
      await setTimeout(pollMs);
    }
  }
  throw new Error(
    `Process ${mark.pid} of an earlier run of this node does not end. End it, then start the node again.`,
  );
}
