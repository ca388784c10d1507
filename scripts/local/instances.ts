import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import type { Picture } from "#client/index.ts";
import type { Instance } from "#core/contract/index.ts";
import { UsageError } from "./usage.ts";

const pictureTypes: Record<string, string> = {
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".jfif": "image/jpeg",
  ".png": "image/png",
  ".webp": "image/webp",
  ".gif": "image/gif",
  ".avif": "image/avif",
  ".heic": "image/heic",
  ".heif": "image/heif",
  ".tif": "image/tiff",
  ".tiff": "image/tiff",
  ".svg": "image/svg+xml",
  ".bmp": "image/bmp",
};

/** Reads an instance from a command-line argument: JSON, a file of JSON, or a picture's file. */
export async function instanceFrom(text: string): Promise<Instance | Picture> {
  const type = pictureTypes[extname(text).toLowerCase()];
  if (type) return { type, bytes: await readFile(text) };
  if (existsSync(text)) return parseInstance(await readFile(text, "utf8"), `The file ${text}`);
  return parseInstance(text, `'${text}'`);
}

/** Tells whether an instance is a picture. */
export function isPictureInput(instance: Instance | Picture): instance is Picture {
  return "bytes" in instance;
}

function parseInstance(text: string, source: string): Instance {
  try {
    const instance: unknown = JSON.parse(text);
    if (typeof instance === "object" && instance !== null) return instance as Instance;
  } catch {
    // Reported below.
  }
  throw new UsageError(
    `${source} is not an instance. Give a JSON object (in single quotes), a JSON file, or a picture (.jpg, .png, .webp, .avif, .gif, .tiff).`,
  );
}
