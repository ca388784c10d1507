import { readFile, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import * as z from "zod";

const metadataSchema = z.object({
  packageName: z.literal("@teachablemachine/image"),
  labels: z.array(z.string().min(1)),
});

/** What the metadata.json of a Teachable Machine image export says of its model.json. */
export interface TeachableMetadata {
  /** In the order of the classes. */
  labels: string[];
  /** How it scales pixels: value · scale + offset. */
  scale: number;
  offset: number;
}

/** Reads the metadata.json beside a model.json, or in the given folder; null if it is no Teachable Machine image export. */
export async function teachableMetadata(base: string): Promise<TeachableMetadata | null> {
  const isFolder = (await stat(base).catch(() => null))?.isDirectory();
  const text = await readFile(join(isFolder ? base : dirname(base), "metadata.json"), "utf8").catch(() => null);
  const read = text === null ? null : metadataSchema.safeParse(parsed(text));
  // Its library divides pixels by 127, and subtracts 1.
  return read?.success ? { labels: read.data.labels, scale: 1 / 127, offset: -1 } : null;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
