import { FaultError } from "#core/http/fault.ts";
import type { Call } from "./call.ts";

/** Reads a whole number of a query, `max` at most. */
export function wholeQuery(call: Call, name: string, unlessGiven: number, max: number): number {
  const text = call.query(name);
  if (text === null) return unlessGiven;
  if (/^\d{1,15}$/.test(text)) return Math.min(max, Number(text));
  throw invalidQuery(name, "a whole number", text);
}

/** Reads one of some values of a query; null where it is not given. */
export function choiceQuery<T extends string>(call: Call, name: string, values: readonly T[]): T | null {
  const text = call.query(name);
  const value = values.find((one) => one === text);
  if (text === null || value !== undefined) return value ?? null;
  throw invalidQuery(name, `one of ${values.join(", ")}`, text);
}

/** Says that a parameter of a query is refused. */
export function invalidQuery(path: string, expected: string, received: string): FaultError {
  return new FaultError({ kind: "invalid", errors: [{ path, expected, received: `'${received.slice(0, 100)}'` }] });
}
