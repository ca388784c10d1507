import { realpath } from "node:fs/promises";
import { isAbsolute, relative, resolve, sep } from "node:path";

/**
 * Resolves a path that a file names, such as a model.json its shards: one from elsewhere may name any file of this machine.
 * Throws unless the path is relative and, links followed, stays inside `folder`.
 */
export async function pathInside(folder: string, name: string, where: string): Promise<string> {
  const path = resolve(folder, name);
  const isOutside = (from: string, to: string) => {
    const way = relative(from, to);
    return way === ".." || way.startsWith(`..${sep}`) || isAbsolute(way);
  };
  const refuse = () => {
    throw new Error(`${where} names '${name}', which is outside its folder ${folder}. Copy the file into the folder.`);
  };
  if (isAbsolute(name) || name.includes("\0") || isOutside(folder, path)) refuse();
  const real = await realpath(path).catch(() => null);
  if (real !== null && isOutside(await realpath(folder), real)) refuse();
  return path;
}
