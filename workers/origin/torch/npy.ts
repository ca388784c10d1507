import { type FileHandle, open, readFile, rename } from "node:fs/promises";

/** The types of arrays, by NumPy's names. */
const types = { "<f4": 4, "<i4": 4, "|u1": 1 } as const;
type NpyType = keyof typeof types;
type NpyValues = Float32Array | Int32Array | Uint8Array;

const magic = "\u0093NUMPY\u0001\u0000";
const preludeBytes = 10;
const alignment = 64;

/** Writes an array as a .npy file, block by block, so that it need not be in memory; renamed into place when complete. */
export async function writeNpy(path: string, shape: readonly number[], blocks: Iterable<NpyValues>): Promise<void> {
  const part = `${path}.part`;
  const file = await open(part, "w");
  try {
    await writeBlocks(file, shape, blocks);
  } finally {
    await file.close();
  }
  await rename(part, path);
}

async function writeBlocks(file: FileHandle, shape: readonly number[], blocks: Iterable<NpyValues>): Promise<void> {
  let isFirst = true;
  for (const block of blocks) {
    if (isFirst) await file.writeFile(headerOf(typeOf(block), shape));
    isFirst = false;
    await file.writeFile(new Uint8Array(block.buffer, block.byteOffset, block.byteLength));
  }
}

/** Reads the float32 values of a .npy file. Throws when it is none or is incomplete. */
export async function readNpy(path: string): Promise<Float32Array> {
  const bytes = await readFile(path);
  const header = bytes.subarray(preludeBytes, preludeBytes + bytes.readUInt16LE(8)).toString("latin1");
  const [, shape = ""] = header.match(/'shape': \(([^)]*)\)/) ?? [];
  const size = shape.split(",").reduce((product, own) => (own.trim() === "" ? product : product * Number(own)), 1);
  const start = preludeBytes + bytes.readUInt16LE(8);
  const isWhole = header.includes("'<f4'") && bytes.length - start === size * types["<f4"];
  if (isWhole) return new Float32Array(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
  throw new Error(`${path} is not a complete array of float32. Delete its folder, and train again.`);
}

function typeOf(values: NpyValues): NpyType {
  if (values instanceof Float32Array) return "<f4";
  return values instanceof Int32Array ? "<i4" : "|u1";
}

function headerOf(type: NpyType, shape: readonly number[]): Buffer {
  const sizes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${sizes}), }`;
  const bytes = Math.ceil((preludeBytes + text.length + 1) / alignment) * alignment - preludeBytes;
  const header = Buffer.alloc(preludeBytes + bytes, " ");
  header.write(magic, 0, "latin1");
  header.writeUInt16LE(bytes, 8);
  header.write(text, preludeBytes, "latin1");
  header.write("\n", preludeBytes + bytes - 1, "latin1");
  return header;
}
