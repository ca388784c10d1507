import { useEffect, useRef, useState } from "preact/hooks";
import type { Device } from "#client/device/device.ts";
import type { DeviceAnswer, TaughtLabel } from "#client/device/types.ts";
import { Bar } from "#console/parts/bar.tsx";
import { ProblemNotice } from "#console/parts/states.tsx";
import { percent } from "#core/format.ts";
import { useCamera } from "./use-camera.ts";

/** Frames that a lesson takes. */
const lessonFrames = 30;
const defaultLabels = ["first", "second", "third", "fourth"];
/** Answers over which the rate is averaged. */
const rateOver = 20;

interface Props {
  device: Device;
  labels: readonly string[];
  onTaught: () => void;
}

/** Teaches the device what the camera shows, and answers live. Nothing of it leaves the browser. */
export function Lessons({ device, labels, onTaught }: Props) {
  const [isOn, setOn] = useState(false);
  return (
    <details onToggle={(event) => setOn(event.currentTarget.open)}>
      <summary>Teach with the camera</summary>
      {isOn && <Teaching device={device} labels={labels} onTaught={onTaught} />}
    </details>
  );
}

function Teaching({ device, labels, onTaught }: Props) {
  const { video, frame, failure } = useCamera();
  const [names, setNames] = useState(defaultLabels);
  const [taught, setTaught] = useState<TaughtLabel[]>([]);
  const [progress, setProgress] = useState<number | null>(null);
  const [error, setError] = useState<Error | null>(null);
  const isGone = useRef(false);
  useEffect(() => {
    return () => {
      isGone.current = true;
    };
  }, []);
  const read = () => device.taught().then(setTaught, setError);
  useEffect(() => void read(), [device]);
  const teach = async (label: string) => {
    setError(null);
    try {
      for (let taken = 0; taken < lessonFrames && !isGone.current; ) {
        const picture = await frame();
        if (!picture) continue;
        setProgress(taken);
        await device.learn(picture, label);
        taken++;
      }
      await read();
      onTaught();
    } catch (cause) {
      setError(cause as Error);
    } finally {
      setProgress(null);
    }
  };
  const forget = async () => {
    await device.forget().then(setTaught, setError);
    onTaught();
  };
  if (failure) return <p class="notice warn">{failure}</p>;
  const examplesOf = (label: string) => taught.find((one) => one.label === label)?.examples ?? 0;
  return (
    <div>
      <p class="muted">
        Show an object, and press its button: {lessonFrames} frames teach it. A name may also be one of the model's{" "}
        {labels.length} labels. Pictures stay in this browser, and it works without a network.
      </p>
      <video ref={video} class="picture" autoplay playsinline muted aria-label="Camera picture" />
      {error && <ProblemNotice error={error} />}
      {names.map((name, i) => (
        <div key={defaultLabels[i]} class="lesson">
          <input
            aria-label={`Name of the ${defaultLabels[i]} label`}
            value={name}
            onInput={(event) => setNames(names.map((one, at) => (at === i ? event.currentTarget.value : one)))}
          />
          <button type="button" disabled={progress !== null || name.trim() === ""} onClick={() => void teach(name)}>
            Teach {name}
          </button>
          <span class="muted" data-examples={examplesOf(name)}>
            {examplesOf(name)} frames
          </span>
        </div>
      ))}
      {progress !== null && <Bar share={progress / lessonFrames} />}
      <Live device={device} frame={frame} isPaused={progress !== null} />
      {taught.length > 0 && (
        <div class="actions start">
          <button type="button" onClick={() => void forget()}>
            Forget all
          </button>
        </div>
      )}
    </div>
  );
}

interface LiveProps {
  device: Device;
  frame: () => Promise<ImageBitmap | null>;
  isPaused: boolean;
}

/** Answers each frame as soon as the one before is answered. */
function Live({ device, frame, isPaused }: LiveProps) {
  const [answer, setAnswer] = useState<DeviceAnswer | null>(null);
  const [perSecond, setPerSecond] = useState<number | null>(null);
  const times = useRef<number[]>([]);
  useEffect(() => {
    let isGone = isPaused;
    times.current = [];
    const answered = async () => {
      const picture = await frame();
      return picture && device.ask(picture, { escalate: false });
    };
    const run = async () => {
      while (!isGone) {
        // A frame that can't be read is not answered; the next one is.
        const next = await answered().catch(() => null);
        if (isGone) return;
        if (!next) continue;
        times.current = [...times.current, performance.now()].slice(-rateOver);
        const [from, to] = [times.current[0] as number, times.current.at(-1) as number];
        setAnswer(next);
        if (to > from) setPerSecond(((times.current.length - 1) * 1_000) / (to - from));
      }
    };
    void run();
    return () => {
      isGone = true;
    };
  }, [device, isPaused]);
  if (!answer) return null;
  return (
    <p class="result" role="status" data-live={answer.label} data-per-second={perSecond?.toFixed(1)}>
      <strong>{answer.label}</strong> {percent(answer.confidence)}{" "}
      <span class="muted">{perSecond !== null && `${perSecond.toFixed(0)} answers a second`}</span>
    </p>
  );
}
