import { remoteApi } from "./channel.ts";
import { Device } from "./device.ts";
import type { DeviceApi, DeviceEvents, DeviceOptions, Emit, RuntimeOptions } from "./types.ts";

/** The model side of a device, and how to end it. */
export interface OpenedApi {
  api: DeviceApi;
  end: () => void;
}

/**
 * Opens a device in a page: a worker runs the model, so that the page never waits for it. Throws as `openDevice` does, which
 * also runs where there are no workers.
 */
export function openInWorker({ worker, ...options }: DeviceOptions): Promise<Device> {
  return deviceOf((emit) => startWorker(options, worker || undefined, emit));
}

/** Makes a device of its model side. */
export async function deviceOf(open: (emit: Emit) => Promise<OpenedApi>): Promise<Device> {
  let device: Device | null = null;
  // What was open before this page may be final at once: it waits until the caller can listen.
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
  const { api, end } = await open(emit);
  device = new Device(api, end);
  // After the caller's own code has run.
  setTimeout(() => {
    for (const handle of early) handle();
  });
  return device;
}

async function startWorker(options: RuntimeOptions, make: (() => Worker) | undefined, emit: Emit): Promise<OpenedApi> {
  const worker = make?.() ?? new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
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
