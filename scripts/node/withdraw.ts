import { setTimeout } from "node:timers/promises";
import { UpriverClient } from "#client/index.ts";
import { runningIn } from "./running.ts";
import { readNode, saveNode } from "./state.ts";

/** How long a running node may take; after that it goes on by itself. */
const withdrawMs = 60_000;
const pollMs = 250;

/** The result of `withdraw`. */
export interface Withdrawn {
  node: string;
  isRunning: boolean;
  /** The regions whose sums are still above; null where the node did not tell. */
  left: { model: string; region: string }[] | null;
}

/**
 * Lets a node share nothing from now on, so that it withdraws what it has contributed: at once where it runs and the rung above
 * can be reached, else as soon as both are so.
 */
export async function withdraw(data: string): Promise<Withdrawn> {
  const state = await readNode(data);
  if (!state) throw new Error(`There is no node in ${data}. Name its folder with --data.`);
  await saveNode(data, { ...state, share: "nothing" });
  const running = await runningIn(data);
  if (!running) return { node: state.id, isRunning: false, left: null };
  const client = new UpriverClient({ url: running.url, token: state.tokens.metrics, tries: 1 });
  let left: Withdrawn["left"] = null;
  for (const until = Date.now() + withdrawMs; Date.now() < until; await setTimeout(pollMs)) {
    // It starts again with the new setting.
    const uplink = await client.ladder().then(
      (ladder) => ladder.uplink,
      () => undefined,
    );
    if (uplink?.share !== "nothing") continue;
    left = (uplink.contributions ?? []).map(({ model, region }) => ({ model, region }));
    if (left.length === 0) break;
  }
  return { node: state.id, isRunning: true, left };
}
