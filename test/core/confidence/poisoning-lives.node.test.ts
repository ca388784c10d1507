import { describe, expect, it } from "vitest";
import { scenarios, summarise } from "#scripts/simulate/poisoning.ts";

const lives = 2;
const named = (name: string) => {
  const scenario = scenarios.find((one) => one.name === name);
  if (!scenario) throw new Error(`There is no scenario '${name}'.`);
  return summarise(scenario, lives);
};

describe("60 days of labels without trust", () => {
  it("bring no more lies than none, from one token or from 20, and few retrains are held", () => {
    const none = named("no attack");
    const [one, many] = [named("lies at the limit, 1 token"), named("lies at the limit, 20 tokens")];
    for (const { lies } of [one, many]) expect(lies.mean).toBeLessThan(none.lies.mean + 6);
    // A tenth of 500 labels, of which 60% train, and of those that come.
    expect(many.taken).toBeLessThanOrEqual(0.1 * 0.65 * (500 + 60 * 5));
    const honest = named("honest, 20 tokens");
    expect(honest.held / honest.retrains).toBeLessThan(0.05);
    expect(honest.lies.mean).toBeLessThan(none.lies.mean + 6);
  });
});
