import type { ExternalRung, Instance } from "../../contract/index.ts";

/** What a rung is asked unless its recipe says otherwise. */
const defaultInstructions = "Choose the label that fits best.";

/** A label as an option, with its description where the recipe has one. */
export interface Option {
  value: string;
  description: string | null;
}

export function instructionsOf({ instructions = defaultInstructions }: ExternalRung): string {
  return instructions;
}

export function optionsOf({ labels: described = {} }: ExternalRung, labels: readonly string[]): Option[] {
  const known = new Map(Object.entries(described));
  return labels.map((value) => ({ value, description: known.get(value) ?? null }));
}

/** Returns what a decision is about: the text of an instance that is or has nothing else, or its columns. */
export function stateOf(instance: Instance | string): string | object {
  if (typeof instance === "string" || Array.isArray(instance)) return instance;
  const given = Object.values(instance).filter((value) => value !== null);
  const [only] = given;
  return given.length === 1 && typeof only === "string" ? only : instance;
}

/** Returns what a decision is about as text: columns become JSON. */
export function textOf(instance: Instance | string): string {
  const state = stateOf(instance);
  return typeof state === "string" ? state : JSON.stringify(state);
}
