import { expect, it } from "vitest";
import { modelMaxBytes, tooLarge } from "#scripts/verbs/import.ts";

it("a model that does not fit into an isolate is refused with the memory it needs", () => {
  const bytes = { weights: 30e6, expanded: 120e6, peak: 130e6 };
  expect(tooLarge({ bytes }, { heap: modelMaxBytes - 30e6 })).toBeNull();
  expect(tooLarge({ bytes }, { heap: modelMaxBytes })).toContain("needs 130.7 MB at run time");
});
