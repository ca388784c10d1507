import { useEffect, useState } from "preact/hooks";
import type { Device } from "#client/device/device.ts";
import { openInWorker } from "#client/device/page.ts";
import type { DeviceState } from "#client/device/types.ts";
import { knownToken } from "#console/session.ts";

/** A device that is being opened, is open, or can't be. */
interface OpenedDevice {
  device: Device | null;
  state: DeviceState | null;
  error: Error | null;
  /** Reads the state again. */
  refresh: () => void;
}

/** Opens a model in this browser, and closes it with the page. */
export function useDevice(model: string, region: string, user: string): OpenedDevice {
  const [device, setDevice] = useState<Device | null>(null);
  const [state, setState] = useState<DeviceState | null>(null);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    let isGone = false;
    let opened: Device | null = null;
    const open = async () => {
      const own = await openInWorker({ url: location.origin, token: knownToken() ?? "", user, model, region });
      if (isGone) return own.close();
      opened = own;
      const show = async () => setState(await own.state());
      for (const event of ["answer", "refused", "update"] as const) own.on(event, () => void show());
      setDevice(own);
      await show();
    };
    setDevice(null);
    setState(null);
    setError(null);
    open().catch((cause: Error) => !isGone && setError(cause));
    return () => {
      isGone = true;
      void opened?.close();
    };
  }, [model, region, user]);
  const refresh = () => void device?.state().then(setState);
  return { device, state, error, refresh };
}
