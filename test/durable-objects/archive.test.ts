import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { RegionObject } from "#objects/region/index.ts";
import { call, eventually, expectOk, publish } from "../helpers/edge.ts";
import { type LabelledQuestion, TestRegion } from "../helpers/region.ts";

const narrow = new TestRegion("narrow");
const policy = { keep: "all", truth: "complete", groupBy: { by: "field", name: "x3" } } as const;
const atHand = 50;

beforeAll(async () => {
  await publish({ model: narrow.model, policy: { ...policy, samplesMax: atHand } });
});

beforeEach(() => narrow.forgetAll());

/** Sends labelled questions, counts them in the sums, then moves the oldest to R2. */
async function labelAndArchive(labelled: readonly LabelledQuestion[]): Promise<void> {
  // First all are counted: until a retrain, none is.
  await narrow.teach(labelled.slice(0, atHand));
  await narrow.retrain();
  await narrow.teach(labelled.slice(atHand));
  await eventually(async () => expect((await size()).n).toBeLessThanOrEqual(atHand));
}

const size = async () => (await narrow.rows("SELECT count(*) AS n FROM samples"))[0] as { n: number };

async function files(): Promise<string[]> {
  const { objects } = await env.ARTEFACTS.list({ prefix: "samples/narrow/north/" });
  return objects.map(({ key }) => key);
}

async function archivedIds(): Promise<string[]> {
  const texts = await Promise.all(
    (await files()).map(async (key) => {
      const object = (await env.ARTEFACTS.get(key)) as R2ObjectBody;
      return new Response(object.body.pipeThrough(new DecompressionStream("gzip"))).text();
    }),
  );
  return texts.flatMap((text) =>
    text
      .trimEnd()
      .split("\n")
      .map((line) => JSON.parse(line).id as string),
  );
}

describe("more samples than a region keeps at hand", () => {
  it("move to R2, the oldest first, and stay in the sums", async () => {
    const labelled = narrow.labelledQuestions(atHand + 10);
    await narrow.teach(labelled.slice(0, atHand));
    await narrow.retrain();
    const counted = await narrow.sums();
    await labelAndArchive(labelled);
    expect(await narrow.sums()).toEqual(counted);
    expect(await archivedIds()).toContain(labelled[0]?.question.id);
    expect(await narrow.rows("SELECT count(*) AS n FROM archived")).toEqual([{ n: (await archivedIds()).length }]);
  });

  it("move only as far as needed and keep their order among later ones", async () => {
    const labelled = narrow.labelledQuestions(atHand + 30);
    const [first] = labelled as [LabelledQuestion];
    await labelAndArchive(labelled.slice(0, atHand + 10));
    expect((await size()).n).toBeGreaterThan(atHand - 10);
    // All that is at hand is corrected: the newest sample now changed longest ago.
    await narrow.teach(labelled.slice(0, atHand + 9).map((question) => ({ ...question, label: "c" })));
    await narrow.retrain();
    await narrow.teach(labelled);
    await narrow.retrain();
    await narrow.teach([{ ...first, label: "c" }]);
    await eventually(async () => expect((await size()).n).toBeLessThanOrEqual(atHand));
    expect(await everything()).toEqual(labelled.map(({ question }) => question.id).sort());
  });

  it("are counted before they move, even without a requested retrain", async () => {
    const labelled = narrow.labelledQuestions(atHand + 30);
    const wide = new TestRegion("roomy");
    await publish({ model: wide.model, policy });
    await wide.teach(labelled.map((question) => named(question, wide)));
    await wide.retrain();
    await narrow.teach(labelled);
    await eventually(async () => expect((await size()).n).toBeLessThanOrEqual(atHand));
    await narrow.retrain();
    expect(await narrow.sums()).toEqual(await wide.sums());
  });

  it("still count once: the same label changes nothing, a correction moves the sums by the difference", async () => {
    const labelled = narrow.labelledQuestions(atHand + 10);
    const [first] = labelled as [LabelledQuestion];
    await labelAndArchive(labelled);
    await narrow.retrain();
    const before = await narrow.sums();
    await narrow.teach([first]);
    await narrow.retrain();
    expect(await narrow.sums()).toEqual(before);
    await narrow.teach([{ ...first, label: "c" }]);
    await narrow.retrain();
    expect(await narrow.sums()).not.toEqual(before);
    await narrow.teach([first]);
    await narrow.retrain();
    expect(await narrow.sums()).toEqual(before);
    expect(await everything()).toEqual(labelled.map(({ question }) => question.id).sort());
  });

  it("are forgotten in R2 too, and the sums no longer contain them", async () => {
    const labelled = narrow.labelledQuestions(atHand + 10);
    const [first, ...rest] = labelled as [LabelledQuestion, ...LabelledQuestion[]];
    await narrow.teach(labelled.slice(1, atHand));
    await narrow.retrain();
    const never = await narrow.sums();
    await narrow.forgetAll();
    await narrow.teach(labelled.slice(0, atHand));
    await narrow.retrain();
    await narrow.teach(labelled.slice(atHand));
    await eventually(async () => expect(await archivedIds()).toContain(first.question.id));
    await expectOk(call("DELETE", `/v1/questions/${first.question.id}`));
    await eventually(async () => expect(await archivedIds()).not.toContain(first.question.id));
    expect(await everything()).toEqual(rest.map(({ question }) => question.id).sort());
    expect(await narrow.sums()).toEqual(never);
  });

  it("are read once each, archived ones first", async () => {
    const labelled = narrow.labelledQuestions(atHand + 10);
    await labelAndArchive(labelled);
    const ids: string[] = [];
    let since = "";
    await eventually(async () => {
      for (let more = true; more; ) {
        const path = `/v1/models/narrow/samples${since && `?since=${encodeURIComponent(since)}`}`;
        const lines = (await (await expectOk(call("GET", path))).text()).trimEnd().split("\n");
        const last = JSON.parse(lines.pop() as string);
        // The line that says that the region was forgotten before has no id.
        ids.push(...lines.flatMap((line) => (JSON.parse(line) as { id?: string }).id ?? []));
        [since, more] = [last.cursor, last.more];
      }
      expect(ids).toHaveLength(labelled.length);
    });
    expect([...ids].sort()).toEqual(labelled.map(({ question }) => question.id).sort());
  });

  it("do not hide tombstones from a reader: they come in order among archived samples", async () => {
    const labelled = narrow.labelledQuestions(atHand + 20);
    const [first, ...rest] = labelled as [LabelledQuestion, ...LabelledQuestion[]];
    await narrow.teach(labelled.slice(0, atHand - 10));
    const pulled = await narrow.inside((object) => object.samplesSince(0));
    await expectOk(call("DELETE", `/v1/questions/${first.question.id}`));
    await narrow.teach(labelled.slice(atHand - 10, atHand));
    await narrow.retrain();
    // Labels that arrived after the tombstone are archived first.
    await narrow.teach(labelled.slice(1, atHand - 10).map((question) => ({ ...question, label: "c" })));
    await narrow.teach(labelled.slice(atHand));
    await eventually(async () => expect((await size()).n).toBeLessThanOrEqual(atHand));
    const seen = await pages(pulled.revision);
    expect(seen.filter(({ forgotten }) => forgotten)).toEqual([
      { id: first.question.id, revision: expect.any(Number), forgotten: true },
    ]);
    expect(seen.map(({ revision }) => revision)).toEqual([...new Set(seen.map(({ revision }) => revision))]);
    expect(new Set(seen.filter(({ forgotten }) => !forgotten).map(({ id }) => id))).toEqual(
      new Set(rest.map(({ question }) => question.id)),
    );
  });

  it("stay in the object where their label is not trusted, and are forgotten with the token that gave it", async () => {
    const labelled = narrow.labelledQuestions(atHand + 40);
    const given = (from: number, to: number) =>
      labelled.slice(from, to).map(({ label, question }) => ({ ...question, label }));
    const by = (owner: string, trusted: boolean) =>
      ({ owner, labelledBy: owner, trusted, source: "truth", labelledAt: 100_000 }) as const;
    // The first groups of a region are split in another way: the same ones come first.
    const [first, rest] = [labelled.slice(0, 10), labelled.slice(23)];
    await narrow.teach([...first, ...rest]);
    await narrow.retrain();
    const sums = await narrow.sums();
    await narrow.forgetAll();
    await narrow.teach(first);
    await narrow.inside(async (object) => {
      await object.recordTruths(1, given(10, 20), by("friend", true));
      await object.recordTruths(1, given(20, 23), by("stranger", false));
    });
    await labelAndArchive(rest);
    expect(await narrow.rows("SELECT count(*) AS n FROM samples WHERE trusted = 0")).toEqual([{ n: 3 }]);
    expect(await archivedIds()).toEqual(expect.arrayContaining([given(10, 11)[0]?.id]));
    expect((await pages(0)).flatMap(({ id }) => id || []).sort()).toEqual(
      labelled.map(({ question }) => question.id).sort(),
    );
    for (const owner of ["stranger", "friend"]) {
      const path = `/v1/models/narrow/samples?owner=${owner}&region=north`;
      expect(await (await expectOk(call("DELETE", path))).json()).toMatchObject({
        forgotten: owner === "stranger" ? 3 : 10,
      });
    }
    await narrow.retrain();
    expect(await narrow.sums()).toEqual(sums);
    await eventually(async () =>
      expect((await archivedIds()).some((id) => given(10, 23).some((one) => one.id === id))).toBe(false),
    );
  });

  it("are neither lost nor duplicated when the object dies between R2 and its table, and no file is left over", async () => {
    const labelled = narrow.labelledQuestions(atHand + 10);
    let deaths = 1;
    // Not to be had otherwise: R2 has the file, and what comes after it never happens.
    await afterPut(() => {
      if (deaths-- > 0) throw new Error("the object died here");
    });
    await labelAndArchive(labelled);
    await narrow.inside(async (object, { storage }) => {
      storage.sql.exec("UPDATE jobs SET due = 1 WHERE kind = 'purge'");
      await object.alarm();
    });
    expect(await everything()).toEqual(labelled.map(({ question }) => question.id).sort());
    expect(await files()).toEqual((await narrow.rows("SELECT key FROM archives ORDER BY key")).map(({ key }) => key));
  });

  it("leave no sample in a file when it was corrected during the write", async () => {
    const labelled = narrow.labelledQuestions(atHand + 10);
    const [first] = labelled as [LabelledQuestion];
    let corrections = 1;
    await afterPut((object) => {
      if (corrections-- <= 0) return;
      const teacher = { owner: null, source: "truth", labelledAt: 100_000 } as const;
      return object.recordTruths(1, [{ id: first.question.id, label: "c" }], teacher);
    });
    await labelAndArchive(labelled);
    await eventually(async () => {
      expect(await everything()).toEqual(labelled.map(({ question }) => question.id).sort());
    });
    expect(await narrow.rows("SELECT label FROM samples WHERE id = ?", first.question.id)).toEqual([{ label: "c" }]);
  });
});

/** Does something whenever the archive has written to R2, before its table knows. */
function afterPut(work: (object: RegionObject) => unknown): Promise<void> {
  return narrow.inside((object) => {
    const { archive } = object as unknown as { archive: { needs: { bucket: R2Bucket } } };
    const { bucket: real } = archive.needs;
    const put: R2Bucket["put"] = async (...given: Parameters<R2Bucket["put"]>) => {
      const written = await real.put(...given);
      await work(object);
      return written as R2Object;
    };
    const bucket = new Proxy(real, {
      get: (target, name) => {
        const value = name === "put" ? put : Reflect.get(target, name);
        return typeof value === "function" ? value.bind(target) : value;
      },
    });
    archive.needs.bucket = bucket;
  });
}

/** All that changed after a revision, page by page. */
async function pages(since: number): Promise<{ id: string; revision: number; forgotten?: boolean }[]> {
  const page = await narrow.inside((object) => object.samplesSince(since));
  const lines = [
    ...page.samples.map(({ id, revision }) => ({ id, revision })),
    ...page.forgotten.map(({ id, revision }) => ({ id, revision, forgotten: true })),
  ];
  return page.isLast ? lines : [...lines, ...(await pages(page.revision))];
}

function named({ label, question }: LabelledQuestion, { model }: TestRegion): LabelledQuestion {
  return { label, question: { ...question, id: question.id.replace(narrow.model, model) } };
}

/** Ids at hand and in R2, each as often as it is there. */
async function everything(): Promise<unknown[]> {
  const rows = await narrow.rows("SELECT id FROM samples");
  return [...rows.map(({ id }) => id), ...(await archivedIds())].sort();
}
