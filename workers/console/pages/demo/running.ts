import { useEffect, useState } from "preact/hooks";
import type { UpriverClient } from "#client/index.ts";
import type { Demo } from "#core/demo.ts";
import { type DemoStep, play } from "./play.ts";

/** The demo of this tab, which goes on while other pages are open. */
export interface RunningDemo {
  step: DemoStep;
  status: "playing" | "stopped" | "done" | "failed";
  error: Error | null;
  /** ms since 1970. */
  startedAt: number;
}

let running: RunningDemo | null = null;
let control: AbortController | null = null;
const watchers = new Set<(running: RunningDemo | null) => void>();

/** Returns the demo of this tab, and follows it; null before the first. */
export function useRunningDemo(): RunningDemo | null {
  const [shown, setShown] = useState(running);
  useEffect(() => {
    setShown(running);
    watchers.add(setShown);
    return () => {
      watchers.delete(setShown);
    };
  }, []);
  return shown;
}

/** Starts the demo, from the beginning. */
export async function startDemo(client: UpriverClient, demo: Demo): Promise<void> {
  stopDemo();
  const own = new AbortController();
  control = own;
  const { signal } = own;
  const startedAt = Date.now();
  const show = (change: Partial<RunningDemo>) => {
    // A stopped demo may still be waiting for an answer when the next one starts.
    if (control === own) tell({ ...(running as RunningDemo), ...change });
  };
  tell({
    ...{ step: { stage: "forgetting", rounds: [], regions: [] }, status: "playing" },
    ...{ error: null, startedAt },
  });
  try {
    for await (const step of play(client, demo, signal)) show({ step });
    show({ status: "done" });
  } catch (error) {
    show(signal.aborted ? { status: "stopped" } : { status: "failed", error: error as Error });
  }
}

/** Stops the demo; the regions keep what they have learned. */
export function stopDemo(): void {
  control?.abort();
}

function tell(next: RunningDemo): void {
  running = next;
  for (const watch of watchers) watch(next);
}
