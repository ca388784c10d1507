import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { ProblemNotice } from "#console/parts/states.tsx";
import type { OnThisDeviceProps } from "./props.ts";

/** Loads the device's code where it is wanted: most people who open the console never need it. */
export function OnThisDevice(props: OnThisDeviceProps) {
  const [Loaded, setLoaded] = useState<ComponentType<OnThisDeviceProps> | null>(null);
  const [error, setError] = useState<Error | null>(null);
  useEffect(() => {
    import("./index.tsx").then(({ DevicePage }) => setLoaded(() => DevicePage), setError);
  }, []);
  if (error) return <ProblemNotice error={error} />;
  return Loaded ? <Loaded {...props} /> : <p class="loading">Loading …</p>;
}
