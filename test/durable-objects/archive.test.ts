import { env } from "cloudflare:workers";
import { beforeAll, beforeEach, describe, expect, it } from "vitest";
import { call, eventually, expectOk, publish } from "../helpers/edge.ts";
import { type TaughtQuestion, TestRegion } from "../helpers/region.ts";

const narrow = new TestRegion("narrow");
const policy = { keep: "all", truth: "complete", split: { by: "field", name: "x3" } } as const;
const atHand = 50;

beforeAll(async () => {
  await publish({ model: narrow.model, policy: { ...policy, samplesMax: atHand } });
});

beforeEach(() => narrow.forgetAll());

/** Teaches lessons, counts them in the sums, and then has the oldest moved to R2. */
async function teachAndArchive(lessons: readonly TaughtQuestion[]): Promise<void> {
  // First all are counted: until a retrain, none is.
  await narrow.teach(lessons.slice(0, atHand));
  await narrow.retrain();
  await narrow.teach(lessons.slice(atHand));
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
  it("go to R2, the oldest first, and stay in the sums", async () => {
    const lessons = narrow.lessons(atHand + 10);
    await narrow.teach(lessons.slice(0, atHand));
    await narrow.retrain();
    const counted = await narrow.sums();
    await teachAndArchive(lessons);
    expect(await narrow.sums()).toEqual(counted);
    expect(await archivedIds()).toContain(lessons[0]?.question.id);
    expect(await narrow.rows("SELECT count(*) AS n FROM archived")).toEqual([{ n: (await archivedIds()).length }]);
  });

  it("are one contribution still: taught again nothing changes, corrected the sums move by the difference", async () => {
    const lessons = narrow.lessons(atHand + 10);
    const [first] = lessons as [TaughtQuestion];
    await teachAndArchive(lessons);
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
    expect(await everything()).toEqual(lessons.map(({ question }) => question.id).sort());
  });

  it("are forgotten there too, and the sums are what they would be without", async () => {
    const lessons = narrow.lessons(atHand + 10);
    const [first, ...rest] = lessons as [TaughtQuestion, ...TaughtQuestion[]];
    await narrow.teach(lessons.slice(1, atHand));
    await narrow.retrain();
    const never = await narrow.sums();
    await narrow.forgetAll();
    await narrow.teach(lessons.slice(0, atHand));
    await narrow.retrain();
    await narrow.teach(lessons.slice(atHand));
    await eventually(async () => expect(await archivedIds()).toContain(first.question.id));
    await expectOk(call("DELETE", `/v1/questions/${first.question.id}`));
    await eventually(async () => expect(await archivedIds()).not.toContain(first.question.id));
    expect(await everything()).toEqual(rest.map(({ question }) => question.id).sort());
    expect(await narrow.sums()).toEqual(never);
  });

  it("are pulled once each, archived ones first", async () => {
    const lessons = narrow.lessons(atHand + 10);
    await teachAndArchive(lessons);
    const ids: string[] = [];
    let since = "";
    await eventually(async () => {
      for (let more = true; more; ) {
        const path = `/v1/models/narrow/samples${since && `?since=${encodeURIComponent(since)}`}`;
        const lines = (await (await expectOk(call("GET", path))).text()).trimEnd().split("\n");
        const last = JSON.parse(lines.pop() as string);
        ids.push(...lines.map((line) => JSON.parse(line).id as string));
        [since, more] = [last.cursor, last.more];
      }
      expect(ids).toHaveLength(lessons.length);
    });
    expect([...ids].sort()).toEqual(lessons.map(({ question }) => question.id).sort());
  });

  it("are neither lost nor doubled when the object dies between R2 and its own table", async () => {
    const lessons = narrow.lessons(atHand + 10);
    await narrow.inside((object) => {
      const { context } = object as unknown as { context: { archive: { context: { storage: DurableObjectStorage } } } };
      const { storage } = context.archive.context;
      let deaths = 1;
      // Not to be had otherwise: R2 has the file, and the transaction after it never happens.
      context.archive.context.storage = new Proxy(storage, {
        get: (target, name) => {
          if (name === "transactionSync" && deaths-- > 0) throw new Error("the object died here");
          const value = Reflect.get(target, name);
          return typeof value === "function" ? value.bind(target) : value;
        },
      });
    });
    await teachAndArchive(lessons);
    expect(await everything()).toEqual(lessons.map(({ question }) => question.id).sort());
  });
});

/** Ids at hand and in R2, each as often as it is there. */
async function everything(): Promise<unknown[]> {
  const rows = await narrow.rows("SELECT id FROM samples");
  return [...rows.map(({ id }) => id), ...(await archivedIds())].sort();
}
