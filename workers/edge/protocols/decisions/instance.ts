import type { FeaturesInput, Input, Instance } from "#core/contract/index.ts";
import { instanceSchema } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { describe } from "#core/input/describe.ts";

type State = string | object;

/**
 * Converts a decision's state to an instance: an object of columns, JSON text of one, numbers for a tensor or a picture, or
 * text for a model with a single column of text. Throws the fault for any other.
 *
 * @param path the state's field in the protocol
 */
export function instanceOf(input: Input, given: State, path: string): Instance {
  const state = textOfParts(given) ?? given;
  const candidate = input.kind === "features" ? columnsOf(input, state) : parsed(state);
  const instance = instanceSchema.safeParse(candidate);
  const isRecord = typeof candidate === "object" && candidate !== null && !Array.isArray(candidate);
  if (instance.success && isRecord === (input.kind === "features")) return instance.data;
  throw new FaultError({
    kind: "invalid",
    errors: [{ path, expected: expectedOf(input), received: describe(given) }],
  });
}

function columnsOf(input: FeaturesInput, state: State): unknown {
  if (typeof state !== "string") return state;
  const value = parsed(state);
  if (typeof value === "object") return value;
  const texts = input.columns.filter(({ type }) => type === "text");
  const [only] = texts;
  return texts.length === 1 && only?.type === "text" ? { [only.name]: state } : null;
}

function expectedOf(input: Input): string {
  if (input.kind !== "features") return "an array of the numbers of the model's input";
  const names = input.columns.flatMap((column) => (column.type === "region" ? [] : [column.name]));
  return `an object with the columns ${names.join(", ")}`;
}

/** Joins the texts of message parts, which clients send for plain text; null for anything else. */
function textOfParts(state: State): string | null {
  if (!Array.isArray(state) || state.length === 0) return null;
  const texts = state.map((part) => (part?.type === "text" || part?.type === "input_text" ? part.text : null));
  return texts.every((text) => typeof text === "string") ? texts.join("\n") : null;
}

function parsed(state: State): unknown {
  if (typeof state !== "string") return state;
  try {
    return JSON.parse(state);
  } catch {
    return state;
  }
}
