import { writeFile } from "node:fs/promises";

/** A colour in each half of a picture: luma, and both chromas. */
type Half = readonly [y: number, u: number, v: number];

const [width, height, perSecond] = [160, 120, 10];

/** Writes a video (YUV4MPEG2) for Chromium's fake camera, which plays it again and again: each picture for some seconds. */
export async function writeCamera(path: string, pictures: readonly (readonly [Half, Half])[], seconds: number) {
  const frames = pictures.flatMap((halves) => {
    const frame = Buffer.concat([Buffer.from("FRAME\n"), ...[0, 1, 2].map((plane) => planeOf(halves, plane))]);
    return Array.from({ length: seconds * perSecond }, () => frame);
  });
  const header = Buffer.from(`YUV4MPEG2 W${width} H${height} F${perSecond}:1 Ip A1:1 C420jpeg\n`);
  await writeFile(path, Buffer.concat([header, ...frames]));
}

function planeOf([left, right]: readonly [Half, Half], plane: number): Buffer {
  const [w, h] = plane === 0 ? [width, height] : [width / 2, height / 2];
  const row = Buffer.concat([Buffer.alloc(w / 2, left[plane]), Buffer.alloc(w / 2, right[plane])]);
  return Buffer.concat(Array.from({ length: h }, () => row));
}
