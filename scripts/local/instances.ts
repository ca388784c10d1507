import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { extname } from "node:path";
import type { Picture } from "#client/index.ts";
import type { Instance } from "#core/contract/index.ts";

const pictureTypes: Record<string, string> = {
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".png": "image/png",
  ".webp": "image/webp",
};

/** An instance as it is given on a command line: JSON, a file of JSON, or a picture's file. */
export async function instanceFrom(text: string): Promise<Instance | Picture> {
  const type = pictureTypes[extname(text).toLowerCase()];
  if (type) return { type, bytes: await readFile(text) };
  return parseInstance(existsSync(text) ? await readFile(text, "utf8") : text);
}

/** Whether what is given is a picture. */
export function isPicture(instance: Instance | Picture): instance is Picture {
  return "bytes" in instance;
}

function parseInstance(text: string): Instance {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new Error(
      `Expected an instance as JSON, a file of it, or a .jpg, .png or .webp, but ${(cause as Error).message}. Quote JSON in the shell.`,
    );
  }
}
