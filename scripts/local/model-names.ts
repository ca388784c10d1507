import { basename, dirname, extname, resolve } from "node:path";

/**
 * Names models after their files, or after their folders where a file is called model.json (or the path is a folder). Those
 * of equal names get those of the folders above them as well, and a number where that does not tell them apart.
 */
export function modelNamesOf(paths: readonly string[]): string[] {
  const parts = paths.map(partsOf);
  const longest = Math.max(...parts.map(({ length }) => length));
  let names: string[] = [];
  for (let depth = 1; depth <= longest; depth++) {
    names = parts.map((own, i) => {
      const isShared = depth > 1 && parts.some((other, j) => j !== i && other.at(-1) === own.at(-1));
      return own.slice(isShared ? -depth : -1).join("-");
    });
    if (new Set(names).size === names.length) return names;
  }
  return names.map((name, i) => {
    const before = names.slice(0, i).filter((other) => other === name).length;
    return before === 0 ? name : `${name}-${before + 1}`;
  });
}

// The names of the file and of its folders, from the outermost.
function partsOf(path: string): string[] {
  const absolute = resolve(path);
  const extension = extname(absolute);
  const isFile = [".json", ".onnx"].includes(extension);
  const own = basename(absolute, extension);
  const from = isFile && own !== "model" ? absolute.slice(0, -extension.length) : isFile ? dirname(absolute) : absolute;
  return from
    .split(/[\\/]/)
    .map(asName)
    .filter((part) => part !== "");
}

function asName(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "");
}
