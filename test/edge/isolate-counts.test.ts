import { describe, expect, it } from "vitest";
import type { Call } from "#edge/call.ts";
import { countRequest, type Given } from "#edge/metrics/count.ts";
import { countsFlushMs, countsFlushTimeoutMs, IsolateCounts } from "#edge/metrics/isolate-counts.ts";

describe("the counts of an isolate", () => {
  it("are sent in batches, each again until it is acknowledged", () => {
    const counts = new IsolateCounts();
    expect(counts.next("shop")).toBeNull();
    counts.of("shop", "north", 1).questions += 3;
    const first = counts.next("shop");
    expect(first).toMatchObject({ sequence: 1, rows: [{ region: "north", base: 1, counts: { questions: 3 } }] });
    counts.of("shop", "north", 1).questions += 2;
    expect(counts.next("shop")).toBe(first);
    counts.acknowledge("shop", 1);
    expect(counts.next("shop")).toMatchObject({ sequence: 2, rows: [{ counts: { questions: 2 } }] });
    counts.acknowledge("shop", 2);
    expect(counts.next("shop")).toBeNull();
  });

  it("say how many batches were sent, and how many regions and versions were in them", () => {
    const counts = new IsolateCounts();
    for (const region of ["north", "south"]) counts.of("shop", region, 1).questions++;
    const rows = counts.next("shop")?.rows.map(({ counts: { batches, batchRows } }) => ({ batches, batchRows }));
    expect(rows).toEqual([{ batches: 1, batchRows: 1 }, { batchRows: 1 }]);
  });

  it("are flushed by one request at a time, and by the next one after its deadline", () => {
    const counts = new IsolateCounts();
    expect(counts.claim("shop", 0)).toBe(false);
    counts.of("shop", "north", 1).questions++;
    expect(counts.claim("shop", 0)).toBe(true);
    expect(counts.claim("shop", 1_000)).toBe(false);
    expect(counts.claim("shop", countsFlushMs + countsFlushTimeoutMs + 1)).toBe(true);
    counts.release("shop");
    expect(counts.claim("shop", 0)).toBe(true);
  });

  it("are written to Analytics Engine if bound, one point for each region, version, rung and outcome", () => {
    const points: AnalyticsEngineDataPoint[] = [];
    // Analytics Engine works in production only, so the test replaces it.
    const env = { ANALYTICS: { writeDataPoint: (point: AnalyticsEngineDataPoint) => points.push(point) } };
    const call = { env, node: { counts: new IsolateCounts() }, later: () => {} } as unknown as Call;
    const north: Given = { region: "north", base: 2, rung: "edge", outcome: "accepted", isHere: true, ms: 7 };
    const answers = [north, north, { ...north, rung: "origin" as const, isHere: false }, { ...north, region: "south" }];
    countRequest(call, "shop", north, answers);
    expect(points).toEqual([
      { indexes: ["shop"], blobs: ["shop", "north", "2", "edge", "accepted"], doubles: [2, 7] },
      { indexes: ["shop"], blobs: ["shop", "north", "2", "origin", "accepted"], doubles: [1, 7] },
      { indexes: ["shop"], blobs: ["shop", "south", "2", "edge", "accepted"], doubles: [1, 7] },
    ]);
    expect(call.node.counts.next("shop")?.rows.map(({ counts }) => counts.questions)).toEqual([2, 1]);
  });
});
