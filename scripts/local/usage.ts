import { modelNameSchema } from "#core/contract/index.ts";

/** The command was typed wrongly; the program ends with exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

interface Range {
  above?: number;
  below?: number;
  atLeast?: number;
  atMost?: number;
  isWhole?: boolean;
}

/** Returns a parser for an option or argument that takes a number within a range. */
export function numberParser(name: string, range: Range = {}): (text: string) => number {
  return (text) => {
    const value = Number(text);
    const { above, below, atLeast, atMost, isWhole = false } = range;
    const isValid =
      text.trim() !== "" &&
      Number.isFinite(value) &&
      (!isWhole || Number.isInteger(value)) &&
      (above === undefined || value > above) &&
      (below === undefined || value < below) &&
      (atLeast === undefined || value >= atLeast) &&
      (atMost === undefined || value <= atMost);
    if (isValid) return value;
    throw new UsageError(`${name} must be ${describeRange(range)}; received ${quoted(text)}.`);
  };
}

/** Returns a parser for a comma-separated list of numbers. */
export function numberListParser(name: string, range: Range): (text: string) => number[] {
  return (text) => text.split(",").map(numberParser(name, range));
}

/** Returns a parser for a day such as 2014-01-31; the text stays as it is. */
export function dayParser(name: string): (text: string) => string {
  return (text) => {
    const at = Date.parse(`${text}T00:00:00Z`);
    const isDay = /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(at);
    if (isDay && new Date(at).toISOString().startsWith(text)) return text;
    throw new UsageError(`${name} must be a date such as 2014-01-31; received ${quoted(text)}.`);
  };
}

/** Checks the name of a model or a project; returns it. */
export function checkName(text: string): string {
  if (modelNameSchema.safeParse(text).success) return text;
  throw new UsageError(`<name> must be lower-case letters, digits and '-', 63 at most; received '${text}'.`);
}

/** Returns a parser for a comma-separated list of names. */
export function nameListParser(name: string): (text: string) => string[] {
  return (text) => {
    const names = text.split(",").map((one) => one.trim());
    if (names.every((one) => one !== "")) return names;
    throw new UsageError(`${name} must be names separated by commas; received ${quoted(text)}.`);
  };
}

/** Returns a parser for a comma-separated list of which each part is one of `choices`. */
export function choiceListParser<T extends string>(name: string, choices: readonly T[]): (text: string) => T[] {
  const names = nameListParser(name);
  return (text) =>
    names(text).map((one) => {
      const choice = choices.find((known) => known === one);
      if (choice !== undefined) return choice;
      throw new UsageError(`${name} must be one or more of ${choices.join(", ")}; received ${quoted(one)}.`);
    });
}

function describeRange({ above, below, atLeast, atMost, isWhole }: Range): string {
  const noun = isWhole ? "a whole number" : "a number";
  if (atLeast !== undefined && atMost !== undefined) return `${noun} from ${atLeast} to ${atMost}`;
  const bounds = [
    ...(above === undefined ? [] : [`above ${above}`]),
    ...(atLeast === undefined ? [] : [`of ${atLeast} or more`]),
    ...(below === undefined ? [] : [`below ${below}`]),
    ...(atMost === undefined ? [] : [`of ${atMost} or less`]),
  ];
  return bounds.length === 0 ? noun : `${noun} ${bounds.join(" and ")}`;
}

function quoted(text: string): string {
  return /^-?[\d.]+$/.test(text) ? text : `'${text}'`;
}
