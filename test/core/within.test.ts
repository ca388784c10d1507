import { describe, expect, it } from "vitest";
import { within } from "#core/within.ts";

const never = new Promise<string>(() => {});

describe("work within a time", () => {
  it("returns what the work returns in time, and throws what it throws", async () => {
    expect(await within(1_000, Promise.resolve("done"), () => "late")).toBe("done");
    await expect(within(1_000, Promise.reject(new Error("broken")), () => "late")).rejects.toThrow("broken");
  });

  it("returns what `late` returns when the time is over, and throws what it throws", async () => {
    expect(await within(-1, never, () => "late")).toBe("late");
    const tooLate = () => {
      throw new Error("late");
    };
    await expect(within(1, never, tooLate)).rejects.toThrow("late");
  });
});
