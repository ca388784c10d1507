import { remoteApi } from "./channel.ts";
import { Device } from "./device.ts";
import type { DeviceApi, DeviceEvents, DeviceOptions, Emit } from "./types.ts";

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
  const { worker: choice, ...rest } = options;
  let device: Device | null = null;
  // What was open before this page is final at once: it waits until the caller can listen.
  const early: (() => void)[] = [];
  const emit: Emit = (event, detail) =>
    new Promise((resolve) => {
      const handle = () => {
        device?.dispatchEvent(new CustomEvent<DeviceEvents[typeof event]>(event, { detail }));
        resolve();
      };
      if (device) handle();
      else early.push(handle);
    });
  const { api, end } = await openApi(rest, choice, emit);
  device = new Device(api, end);
  // After the caller's own code has run.
  setTimeout(() => {
    for (const handle of early) handle();
  });
  return device;
}

interface OpenedApi {
  api: DeviceApi;
  end: () => void;
}

async function openApi(
  options: Omit<DeviceOptions, "worker">,
  choice: DeviceOptions["worker"],
  emit: Emit,
): Promise<OpenedApi> {
  // A worker has no main thread to keep free, and Node no such workers.
  const isPage = typeof document !== "undefined" && typeof Worker !== "undefined";
  const canCross = options.storage === undefined && options.fetch === undefined;
  if (choice === false || (choice === undefined && !(isPage && canCross))) {
    const { openRuntime } = await import("./runtime.ts");
    return { api: await openRuntime(options, emit), end: () => {} };
  }
  const worker = choice?.() ?? new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
  const failed = new Promise<never>((_, reject) => {
    worker.addEventListener("error", ({ message }) => reject(new Error(`The device's worker failed: ${message}`)));
  });
  const { call } = remoteApi(worker, emit);
  const api = new Proxy({} as DeviceApi, {
    get: (_, method: string) => (method === "then" ? undefined : (...args: unknown[]) => call(method, args)),
  });
  try {
    await Promise.race([call("open", [options]), failed]);
  } catch (error) {
    worker.terminate();
    throw error;
  }
  return { api, end: () => worker.terminate() };
}
