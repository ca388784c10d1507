import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { demoPath } from "#core/demo.ts";

/** Copies the edge's files, with a demo among them, to a folder's state; returns where they are. */
export async function addDemo(files: string, demo: string, folder: string): Promise<string> {
  const target = join(folder, ".upriver", "files");
  await rm(target, { recursive: true, force: true });
  await cp(files, target, { recursive: true });
  await cp(demo, join(target, demoPath));
  return target;
}
