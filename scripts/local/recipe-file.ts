import type { RecipeDocument } from "#core/contract/index.ts";

const lineMaxChars = 110;

/** Formats a recipe as JSON, with what fits into a line on one line. */
export function formatRecipe(document: Partial<RecipeDocument>): string {
  return `${format(document, "")}\n`;
}

function format(value: unknown, indent: string): string {
  const short = oneLine(value);
  if (typeof value !== "object" || value === null) return short;
  if (indent !== "" && short.length + indent.length <= lineMaxChars) return short;
  const deeper = `${indent}  `;
  if (Array.isArray(value)) {
    if (value.every((part) => typeof part !== "object")) return wrapped(value, indent);
    return `[\n${value.map((part) => deeper + format(part, deeper)).join(",\n")}\n${indent}]`;
  }
  const fields = Object.entries(value).filter(([, part]) => part !== undefined);
  const lines = fields.map(([name, part]) => `${deeper}${JSON.stringify(name)}: ${format(part, deeper)}`);
  return `{\n${lines.join(",\n")}\n${indent}}`;
}

function wrapped(values: readonly unknown[], indent: string): string {
  const lines: string[] = [];
  for (const text of values.map((value) => JSON.stringify(value))) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + text.length + 2 + indent.length <= lineMaxChars)
      lines[lines.length - 1] = `${last}, ${text}`;
    else lines.push(text);
  }
  return `[\n${lines.map((line) => `${indent}  ${line}`).join(",\n")}\n${indent}]`;
}

function oneLine(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(oneLine).join(", ")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value) ?? "null";
  const fields = Object.entries(value).filter(([, part]) => part !== undefined);
  return `{ ${fields.map(([name, part]) => `${JSON.stringify(name)}: ${oneLine(part)}`).join(", ")} }`;
}
