import { useEffect, useRef, useState } from "preact/hooks";
import type { Input } from "#client/index.ts";

interface Props {
  input: Extract<Input, { kind: "image" }>;
  onAsk: (picture: Blob) => void;
  isBusy: boolean;
}

const drawingPixels = 280;
type Way = "file" | "drawing" | "camera";

/** A form for a picture from a file, a drawing or the camera. */
export function PictureForm({ input, onAsk, isBusy }: Props) {
  const [way, setWay] = useState<Way>("file");
  const [picture, setPicture] = useState<Blob | null>(null);
  const [height, width] = input.size;
  return (
    <div>
      <fieldset class="tabs" aria-label="Where the picture comes from">
        {(["file", "drawing", "camera"] as const).map((one) => (
          <button key={one} type="button" aria-pressed={one === way} onClick={() => setWay(one)}>
            {{ file: "File", drawing: "Draw", camera: "Camera" }[one]}
          </button>
        ))}
      </fieldset>
      {way === "file" && <FromFile onPicture={setPicture} />}
      {way === "drawing" && <Drawing onPicture={setPicture} isGrey={input.channels === 1} />}
      {way === "camera" && <Camera onPicture={setPicture} />}
      <p class="muted">
        The picture is scaled to {width} by {height} pixels{input.channels === 1 && ", grey"}.
      </p>
      <button type="button" class="primary" disabled={!picture || isBusy} onClick={() => picture && onAsk(picture)}>
        Ask
      </button>
    </div>
  );
}

type OnPicture = { onPicture: (picture: Blob | null) => void };

function FromFile({ onPicture }: OnPicture) {
  const [url, setUrl] = useState<string | null>(null);
  useEffect(() => () => void (url && URL.revokeObjectURL(url)), [url]);
  const take = (files: FileList | null) => {
    const file = files?.[0] ?? null;
    onPicture(file);
    setUrl(file && URL.createObjectURL(file));
  };
  return (
    <label>
      JPEG, PNG or WebP; a large one is scaled down before it is sent
      <input
        type="file"
        accept="image/jpeg,image/png,image/webp"
        onChange={(event) => take(event.currentTarget.files)}
      />
      {url && <img class="picture" src={url} alt="Preview" />}
    </label>
  );
}

function Drawing({ onPicture, isGrey }: OnPicture & { isGrey: boolean }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  // Grey training sets of handwriting and clothes are mostly light on dark.
  const [isLight, setLight] = useState(isGrey);
  const clear = () => {
    const context = canvas.current?.getContext("2d");
    if (!context) return;
    context.fillStyle = isLight ? "#000" : "#fff";
    context.fillRect(0, 0, drawingPixels, drawingPixels);
    onPicture(null);
  };
  useEffect(clear, [isLight]);
  const draw = (event: PointerEvent) => {
    const context = canvas.current?.getContext("2d");
    if (!context || event.buttons !== 1) return;
    const scale = drawingPixels / (canvas.current?.clientWidth ?? drawingPixels);
    const [x, y] = [event.offsetX * scale, event.offsetY * scale];
    context.strokeStyle = isLight ? "#fff" : "#000";
    context.lineWidth = drawingPixels / 14;
    context.lineCap = "round";
    context.beginPath();
    context.moveTo(x - event.movementX * scale, y - event.movementY * scale);
    context.lineTo(x, y);
    context.stroke();
  };
  const end = () => canvas.current?.toBlob(onPicture, "image/png");
  return (
    <div>
      <canvas
        ref={canvas}
        class="drawing"
        width={drawingPixels}
        height={drawingPixels}
        onPointerDown={draw}
        onPointerMove={draw}
        onPointerUp={end}
        role="img"
        aria-label="Drawing area for a pointer; without one, use a file"
      />
      <div class="actions start">
        <button type="button" onClick={clear}>
          Clear
        </button>
        <label>
          <input type="checkbox" checked={isLight} onChange={(event) => setLight(event.currentTarget.checked)} /> light
          on dark
        </label>
      </div>
    </div>
  );
}

function Camera({ onPicture }: OnPicture) {
  const video = useRef<HTMLVideoElement>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [shot, setShot] = useState<string | null>(null);
  useEffect(() => {
    let stream: MediaStream | null = null;
    const start = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
      if (video.current) video.current.srcObject = stream;
    };
    start().catch(() => setFailure("The camera is not available. Allow access in the browser, or use a file."));
    return () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
  }, []);
  const take = () => {
    const from = video.current;
    if (!from) return;
    const canvas = document.createElement("canvas");
    // The centre square: most models take one.
    const side = Math.min(from.videoWidth, from.videoHeight);
    canvas.width = canvas.height = Math.min(side, 640);
    const [x, y] = [(from.videoWidth - side) / 2, (from.videoHeight - side) / 2];
    canvas.getContext("2d")?.drawImage(from, x, y, side, side, 0, 0, canvas.width, canvas.height);
    setShot(canvas.toDataURL("image/jpeg"));
    canvas.toBlob(onPicture, "image/jpeg");
  };
  if (failure) return <p class="notice warn">{failure}</p>;
  return (
    <div>
      <video ref={video} class="picture" autoplay playsinline muted aria-label="Camera picture" />
      <div class="actions start">
        <button type="button" onClick={take}>
          Take picture
        </button>
        {shot && <img class="picture small" src={shot} alt="Preview" />}
      </div>
    </div>
  );
}
