import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import type { Answer } from "#core/contract/index.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const region = new TestRegion("lost");
const fault = (kind: string) => fetch(`${env.NEXT_RUNG_URL}/fault/lost/${kind}`, { method: "PUT" });

beforeAll(async () => {
  await publish({ model: "lost" });
  await ask("lost", { instance: instance() });
});

afterEach(() => fault("none"));

/** The object dies as it is: what it has in memory alone is lost. */
async function die(): Promise<void> {
  await runInDurableObject(region.stub, (_, state) => state.abort("killed by the test of lost questions")).catch(
    () => {},
  );
}

const scheduled = (id: string) => region.rows("SELECT status, escalateAt FROM questions WHERE id = ?", id);

describe("a question that the origin is being asked about", () => {
  it("is asked again by the next instance where the object dies before anything is scheduled", async () => {
    await fault("slow");
    const id = "lost~north~killed";
    const asked = call("POST", "/v1/models/lost/ask", { body: { questions: [{ id, instance: instance(1) }] } });
    await eventually(async () => expect(await scheduled(id)).toEqual([{ status: "open", escalateAt: null }]));
    await die();
    // Nobody was told that it is stored: the edge answers by itself.
    const { answers } = await (await expectOk(asked)).json<{ answers: Answer[] }>();
    expect(answers).toMatchObject([{ rung: "edge", degraded: true }]);
    await fault("none");
    await eventually(async () => expect(await scheduled(id)).toEqual([{ status: "answered", escalateAt: null }]));
    const read = await expectOk(call("GET", `/v1/questions/${id}`));
    expect(await read.json()).toMatchObject({ rung: "origin", accepted: true });
  });

  it("is scheduled before its caller is told that it is open, and answered though the object dies", async () => {
    await fault("slow");
    const { id, status } = await ask("lost", { instance: instance(2), remainingMs: 100 });
    expect(status).toBe("open");
    expect(await scheduled(id)).toEqual([{ status: "open", escalateAt: expect.any(Number) }]);
    expect(await region.rows("SELECT kind FROM jobs WHERE kind = 'escalate'")).toHaveLength(1);
    await die();
    await fault("none");
    await eventually(async () => expect(await scheduled(id)).toEqual([{ status: "answered", escalateAt: null }]));
  });

  it("leaves nothing to look for once it is answered", async () => {
    const { id } = await ask("lost", { instance: instance(3) });
    await region.inside((object) => object.counts());
    const [{ through, last } = {}] = await region.rows(
      "SELECT (SELECT max(through) FROM counts) AS through, (SELECT max(rowid) FROM questions) AS last",
    );
    expect(through).toBe(last);
    await die();
    expect(await scheduled(id)).toEqual([{ status: "answered", escalateAt: null }]);
    expect(await region.rows("SELECT id FROM questions WHERE escalateAt IS NOT NULL")).toEqual([]);
  });
});

describe("a transaction that is undone", () => {
  it("leaves no question in memory, and gives its number to the next one", async () => {
    const before = await region.rows("SELECT count(*) AS n FROM questions");
    await region.inside((object) => {
      const { questions, transaction } = object as unknown as {
        questions: { insert: (row: object) => void; find: (id: string) => unknown; settledThrough: () => number };
        transaction: (work: () => void) => void;
      };
      const through = questions.settledThrough();
      const row = { id: "undone", owner: "ask", answer: { status: "answered" } };
      expect(() =>
        transaction(() => {
          questions.insert(row);
          expect(questions.find("undone")).toMatchObject(row);
          throw new Error("undone");
        }),
      ).toThrow("undone");
      expect(questions.find("undone")).toBeNull();
      expect(questions.settledThrough()).toBe(through);
    });
    expect(await region.rows("SELECT count(*) AS n FROM questions")).toEqual(before);
  });
});
