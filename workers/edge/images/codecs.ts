import createJpeg from "@jsquash/jpeg/codec/dec/mozjpeg_dec.js";
import jpegBinary from "@jsquash/jpeg/codec/dec/mozjpeg_dec.wasm";
import createWebp from "@jsquash/webp/codec/dec/webp_dec.js";
import webpBinary from "@jsquash/webp/codec/dec/webp_dec.wasm";
import type { Pixels } from "#core/image/pixels.ts";
import { brokenImage } from "./error.ts";

const imageHeapMaxBytes = 48 * 1024 * 1024;

type Create = typeof createJpeg;
type Codec = Awaited<ReturnType<Create>>;

/** Decodes one file. Throws `ImageError` if it is corrupt or needs too much memory. */
type Decode = (bytes: Uint8Array<ArrayBuffer>) => Pixels;

/**
 * Creates a decoder of JPEG for one picture, in one file or divided among several. Each picture gets a new one, since its
 * heap never shrinks and is undefined after a fault.
 */
export function openJpeg(): Promise<Decode> {
  // The orientation is applied here, as for the other types.
  return open("image/jpeg", createJpeg, jpegBinary, (codec, bytes) => codec.decode(bytes.buffer, false));
}

/** Creates a decoder of WebP for one picture. */
export function openWebp(): Promise<Decode> {
  return open("image/webp", createWebp, webpBinary, (codec, bytes) => codec.decode(bytes.buffer));
}

async function open(
  type: string,
  create: Create,
  binary: WebAssembly.Module,
  run: (codec: Codec, bytes: Uint8Array<ArrayBuffer>) => ReturnType<Codec["decode"]>,
): Promise<Decode> {
  let isCutOff = false;
  const printErr = (warning: string) => {
    isCutOff ||= warning.includes("Premature end");
  };
  const created = create({ noInitialRun: true, print: quiet, printErr, instantiateWasm: limited(binary) });
  removePlace();
  const codec = await created;
  return (bytes) => {
    let found: ReturnType<Codec["decode"]>;
    try {
      found = run(codec, bytes);
    } catch (cause) {
      throw brokenImage(type, cause);
    }
    if (!found) throw brokenImage(type);
    // The decoder fills the rest with grey.
    if (isCutOff) throw brokenImage(type, undefined, "a file that ends before its image does");
    return { width: found.width, height: found.height, rgba: found.data };
  };
}

const quiet = () => {};

// The decoder gives the Worker an empty `location` while it is created, which other code takes for a browser's.
function removePlace(): void {
  const place = globalThis as { location?: { href: string } };
  if (place.location?.href === "") delete place.location;
}

/** Instantiates a module with a memory limit below the isolate's. */
function limited(binary: WebAssembly.Module) {
  return (imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) => {
    const instance = new WebAssembly.Instance(binary, imports);
    for (const part of Object.values(instance.exports)) {
      if (part instanceof WebAssembly.Memory) limit(part);
    }
    done(instance);
    return instance.exports;
  };
}

const pageBytes = 64 * 1024;

function limit(memory: WebAssembly.Memory): void {
  const grow = memory.grow.bind(memory);
  memory.grow = (pages) => {
    if (memory.buffer.byteLength + pages * pageBytes <= imageHeapMaxBytes) return grow(pages);
    throw new RangeError(`The image decoder exceeds its limit of ${imageHeapMaxBytes} bytes.`);
  };
}
