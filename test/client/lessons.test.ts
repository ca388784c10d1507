import { expect, it } from "vitest";
import { Lessons } from "#client/device/lessons.ts";
import { memoryStorage } from "#client/device/memory-storage.ts";
import type { Served } from "#client/device/served.ts";

const thin = { backbone: { sha256: "ours", embedding: { step: 1 } } };
const served = { manifest: { task: "classify", labels: ["a"], thin }, regional: {}, network: {}, open: null };

it("keeps its own background beside a page that runs another version", async () => {
  const storage = memoryStorage();
  const lessons = new Lessons(storage);
  lessons.serve(served as unknown as Served, []);
  lessons.notice(Int16Array.of(1, 2));
  await storage.write([["background", { backbone: "another", seen: 1, vectors: [Int16Array.of(1, 2, 3)] }]]);
  await lessons.load();
  expect(lessons.backgroundEntry()[1]).toMatchObject({ backbone: "ours", vectors: [Int16Array.of(1, 2)] });
});
