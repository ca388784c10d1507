import { useRef, useState } from "preact/hooks";
import type { Device } from "#client/device/device.ts";
import type { DeviceAnswer, DeviceState } from "#client/device/types.ts";
import type { Instance, Picture } from "#client/index.ts";
import { ProblemNotice } from "#console/parts/states.tsx";
import { FeatureForm } from "../feature-form.tsx";
import { JsonForm } from "../json-form.tsx";
import { PictureForm } from "../picture-form.tsx";
import { Lessons } from "./lessons.tsx";
import type { OnThisDeviceProps } from "./props.ts";
import { DeviceResult } from "./result.tsx";
import { useDevice } from "./use-device.ts";

/** Runs the model in this browser: it answers what its rule accepts, escalates the rest, and can be taught. */
export function DevicePage({ state: shown, user }: OnThisDeviceProps) {
  const { keys, parent } = shown.policy.regions;
  const [region, setRegion] = useState(keys[0] ?? parent);
  const { device, state, error, refresh } = useDevice(shown.model, region, user);
  return (
    <>
      <label class="filter">
        Region of this device
        <select value={region} onChange={(event) => setRegion(event.currentTarget.value)}>
          {[...new Set([...keys, parent])].map((key) => (
            <option key={key} value={key}>
              {key}
            </option>
          ))}
        </select>
      </label>
      {error && <ProblemNotice error={error} />}
      {!device && !error && <p class="loading">Loading the model …</p>}
      {device && state && <Open device={device} state={state} shown={shown} refresh={refresh} />}
    </>
  );
}

const settledMs = 300;

interface OpenProps {
  device: Device;
  state: DeviceState;
  shown: OnThisDeviceProps["state"];
  refresh: () => void;
}

function Open({ device, state, shown: { policy, examples }, refresh }: OpenProps) {
  const { input } = state;
  const [first, setFirst] = useState<DeviceAnswer | null>(null);
  const [final, setFinal] = useState<DeviceAnswer | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const [tookMs, setTook] = useState(0);
  const asked = useRef(0);
  const ask = async (what: Instance | Picture) => {
    const number = ++asked.current;
    setError(null);
    setFinal(null);
    const startedAt = performance.now();
    try {
      const answer = await device.ask(what);
      setTook(performance.now() - startedAt);
      setFirst(answer);
      refresh();
      if (answer.status !== "open") return;
      const last = await device.wait(answer);
      // Another question may be shown by now.
      if (number === asked.current) setFinal(last);
      // Once the device has forgotten the question.
      setTimeout(refresh, settledMs);
    } catch (cause) {
      setError(cause as Error);
    }
  };
  const onAsk = (what: Instance | Picture) => void ask(what);
  const { version, isOwnThin, waiting, open, counts, fault } = state;
  return (
    <div class="pair wide">
      <div>
        {input.kind === "features" && (
          <FeatureForm columns={input.columns} policy={policy} examples={examples} onAsk={onAsk} isBusy={false} />
        )}
        {input.kind === "image" && <PictureForm input={input} onAsk={onAsk} isBusy={false} />}
        {input.kind === "tensor" && <JsonForm examples={examples} onAsk={onAsk} isBusy={false} />}
        {input.kind === "image" && <Lessons device={device} labels={state.labels} onTaught={refresh} />}
      </div>
      <div>
        {error && <ProblemNotice error={error} />}
        <DeviceResult first={first} final={final} tookMs={tookMs} />
        <p class="muted" data-device={waiting + open}>
          Version {version}, {isOwnThin ? "a network for devices" : "the edge's network"}. {counts.asked} asked here,{" "}
          {counts.accepted + counts.personal} accepted, {counts.escalated} escalated; {waiting} wait to be sent, {open}{" "}
          for an answer.
        </p>
        {fault && <p class="notice warn">The last update or send failed: {fault}</p>}
      </div>
    </div>
  );
}
