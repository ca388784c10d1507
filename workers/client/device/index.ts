import type { Device } from "./device.ts";
import { deviceOf, openInWorker } from "./page.ts";
import type { DeviceOptions } from "./types.ts";

export { DeadlineError, ProblemError, UnreachableError } from "../errors.ts";
export { Device } from "./device.ts";
export { DeviceError } from "./errors.ts";
export type * from "./types.ts";

/**
 * Opens a model on this device: from its storage, or from the edge where the storage has none. Throws `UnreachableError` where
 * neither can be had, `ProblemError` where the edge refuses, and `DeviceError` where what it sends can't be trusted or run.
 *
 * @example
 * const device = await openDevice({ url: "https://upriver.example.workers.dev", token, model: "storefront", region: "lagoon" });
 * const answer = await device.ask({ region: "lagoon", temperature: 31 });
 */
export async function openDevice(options: DeviceOptions): Promise<Device> {
  const { worker, ...rest } = options;
  // A worker has no main thread to keep free, and Node no such workers.
  const isPage = typeof document !== "undefined" && typeof Worker !== "undefined";
  const canCross = options.storage === undefined && options.fetch === undefined;
  if (worker || (worker === undefined && isPage && canCross)) return openInWorker(options);
  const { openRuntime } = await import("./runtime.ts");
  return deviceOf(async (emit) => ({ api: await openRuntime(rest, emit), end: () => {} }));
}
