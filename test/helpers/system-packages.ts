import { existsSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { findChromium } from "#scripts/local/chromium.ts";

const pollMs = 200;

/** Waits until CI has installed the system packages, which it does beside the tests that need none. */
export async function systemPackages(): Promise<void> {
  const ended = process.env.UPRIVER_SYSTEM_PACKAGES;
  while (ended && !existsSync(ended)) await pause(pollMs);
}

/** The path of Chromium on this machine; undefined where there is none: then tests are skipped. */
export async function chromiumHere(): Promise<string | undefined> {
  await systemPackages();
  return findChromium();
}
