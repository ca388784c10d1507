import { expect, it } from "vitest";
import { release } from "#core/release.ts";
import { version } from "../../package.json" with { type: "json" };

it("the release is that of package.json", () => {
  expect(release).toBe(version);
});
