import pictures from "./pictures.json";

const bytes = (base64: string) => Uint8Array.from(atob(base64), (char) => char.charCodeAt(0));

/** One picture held in each of EXIF's eight ways, 1 to 8. */
export const jpegs = pictures.jpegs.map(bytes);
/** A picture without loss, and its pixels [height][width][channels]. */
export const losslessWebp = { file: bytes(pictures.webp), pixels: pictures.pixels };
