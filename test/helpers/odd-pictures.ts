import { fromBase64 } from "#core/bytes.ts";
import made from "./odd-pictures.json";

/** Pictures of the kinds that few files are, all of one size. */
export const { width, height } = made;

/** The names of the pictures whose kind starts so, or of all. */
export const oddPictures: ReadonlyMap<string, { file: Uint8Array<ArrayBuffer>; srgb: Uint8Array }> = new Map(
  Object.entries(made.pictures).map(([name, { file, srgb }]) => [
    name,
    { file: fromBase64(file), srgb: fromBase64(srgb) },
  ]),
);
