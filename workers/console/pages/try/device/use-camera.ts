import type { RefObject } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";

const frameMaxSide = 480;
const notReadyMs = 50;

interface Camera {
  video: RefObject<HTMLVideoElement | null>;
  /** Takes the middle square of what the camera shows now; null where it shows nothing yet. */
  frame: () => Promise<ImageBitmap | null>;
  failure: string | null;
}

/** Shows the camera while the component is there. */
export function useCamera(): Camera {
  const video = useRef<HTMLVideoElement>(null);
  const [failure, setFailure] = useState<string | null>(null);
  useEffect(() => {
    let stream: MediaStream | null = null;
    let isGone = false;
    const stop = () => {
      for (const track of stream?.getTracks() ?? []) track.stop();
    };
    const start = async () => {
      stream = await navigator.mediaDevices.getUserMedia({ video: true });
      // Closed while the browser asked: the camera must not stay on.
      if (isGone) stop();
      else if (video.current) video.current.srcObject = stream;
    };
    start().catch(() => setFailure("The camera is not available. Allow access in the browser."));
    return () => {
      isGone = true;
      stop();
    };
  }, []);
  const frame = async () => {
    // One for each picture that the screen shows, so that the page stays responsive.
    await new Promise((resolve) => requestAnimationFrame(resolve));
    const from = video.current;
    const side = Math.min(from?.videoWidth ?? 0, from?.videoHeight ?? 0);
    if (!from || side === 0) {
      await new Promise((resolve) => setTimeout(resolve, notReadyMs));
      return null;
    }
    const [x, y] = [(from.videoWidth - side) / 2, (from.videoHeight - side) / 2];
    const size = Math.min(side, frameMaxSide);
    return createImageBitmap(from, x, y, side, side, { resizeWidth: size, resizeHeight: size });
  };
  return { video, frame, failure };
}
