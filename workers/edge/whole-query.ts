import { FaultError } from "#core/http/fault.ts";
import type { Call } from "./call.ts";

/** Reads a whole number of a query, `max` at most. */
export function wholeQuery(call: Call, name: string, unlessGiven: number, max: number): number {
  const text = call.query(name);
  if (text === null) return unlessGiven;
  if (/^\d{1,15}$/.test(text)) return Math.min(max, Number(text));
  const error = { path: name, expected: "a whole number", received: `'${text.slice(0, 100)}'` };
  throw new FaultError({ kind: "invalid", errors: [error] });
}
