import create from "@jsquash/webp/codec/dec/webp_dec.js";
import binary from "@jsquash/webp/codec/dec/webp_dec.wasm";
import type { Pixels } from "#core/image/pixels.ts";
import { brokenImage } from "./error.ts";

const heapMaxBytes = 48 * 1024 * 1024;

/** Decodes a WebP. Throws `ImageError` if it is corrupt or needs too much memory. */
type Decode = (bytes: Uint8Array<ArrayBuffer>) => Pixels;

/** Creates a decoder for one picture: a heap never shrinks, and is undefined after a fault. */
export async function openWebp(): Promise<Decode> {
  const created = create({ noInitialRun: true, print: quiet, printErr: quiet, instantiateWasm });
  removePlace();
  const codec = await created;
  return (bytes) => {
    let found: ReturnType<typeof codec.decode>;
    try {
      found = codec.decode(bytes.buffer);
    } catch (cause) {
      throw brokenImage("image/webp", cause);
    }
    if (!found) throw brokenImage("image/webp");
    return { width: found.width, height: found.height, rgba: found.data };
  };
}

const quiet = () => {};

// The decoder gives the Worker an empty `location` while it is created, which other code takes for a browser's.
function removePlace(): void {
  const place = globalThis as { location?: { href: string } };
  if (place.location?.href === "") delete place.location;
}

/** Instantiates the module with a memory limit below the isolate's. */
function instantiateWasm(imports: WebAssembly.Imports, done: (instance: WebAssembly.Instance) => void) {
  const instance = new WebAssembly.Instance(binary, imports);
  for (const part of Object.values(instance.exports)) {
    if (part instanceof WebAssembly.Memory) limit(part);
  }
  done(instance);
  return instance.exports;
}

const pageBytes = 64 * 1024;

function limit(memory: WebAssembly.Memory): void {
  const grow = memory.grow.bind(memory);
  memory.grow = (pages) => {
    if (memory.buffer.byteLength + pages * pageBytes <= heapMaxBytes) return grow(pages);
    throw new RangeError(`The image decoder exceeds its limit of ${heapMaxBytes} bytes.`);
  };
}
