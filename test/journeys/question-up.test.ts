import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Answer, Instance } from "#core/contract/index.ts";
import { publish } from "#origin/publish.ts";
import { recipeOf } from "#origin/recipes/index.ts";
import { train } from "#origin/train/index.ts";
import type { LocalLadder } from "#scripts/local/ladder.ts";
import { temporaryLadder } from "./ladder.ts";

const model = "storefront";
const region = "lagoon";
const taught = 400;
const usualLabels = 1_000;

let ladder: LocalLadder;

beforeAll(async () => {
  // Folds by chance would now and then make a head that is too unsure of the new fashion, or is refused.
  ladder = await temporaryLadder({ splitSecret: "the splits of a question that goes up" });
  const artefact = await train(recipeOf(model));
  await publish(ladder.client("publish"), artefact, ladder.credentials.signingKey);
  await ladder.client("publish").rollout(model, { version: 1 });
});
afterAll(() => ladder?.stop());

// A fashion that nobody foresaw: in the lagoon, on mild dry days, a look at shoes ends with rain boots. At about this
// temperature neither model is sure of much.
function fashion(i: number): Instance {
  const temperature = 22.8 + (i % 5) / 10;
  return { region, temperature, rainMm: 0, minutesOnPage: 1 + (i % 7), hour: 9 + (i % 10), lookedAt: "feet" };
}

function isMild(instance: Instance): boolean {
  const { temperature, rainMm, lookedAt } = instance as Record<string, unknown>;
  return lookedAt === "feet" && (rainMm as number) < 1 && Math.abs((temperature as number) - 23) < 4;
}

describe("a question goes up", () => {
  let first: Answer;

  it("escalates to review where neither edge nor origin is sure", async () => {
    first = await ladder.client("ask").ask(model, fashion(3), { idempotencyKey: "first" });
    expect(first).toMatchObject({ status: "open", region, accepted: false, rung: "origin" });
  });

  it("is answered there, and the answer comes back to the caller who waited", async () => {
    const waiting = ladder.client("ask").question(first.id, { waitSeconds: 30 });
    const question = await nextForReview();
    expect(question).toMatchObject({ id: first.id, region, provisional: { rung: "origin" } });
    await ladder.client("review").answer(question.id, "rain-boots");
    expect(await waiting).toMatchObject({
      id: first.id,
      status: "answered",
      label: "rain-boots",
      rung: "human",
      accepted: true,
    });
  });

  it("and after the retrain the edge answers its like", async () => {
    // What is bought there else: a head that knew the new fashion alone would call everything by it, and be refused.
    const rows = (await recipeOf(model).load({})).filter((row) => row.region === region && !isMild(row.instance));
    const usual = rows.slice(-usualLabels);
    await ladder.client("admin").teachMany(model, {
      truths: usual.map(({ instance, label, at }, i) => {
        return { id: `${model}~${region}~usual-${i}`, label, question: { region, instance, at } };
      }),
    });
    const open: Instance[] = [];
    for (let i = 0; open.length < taught; i++) {
      const { id, status } = await ladder.client("ask").ask(model, fashion(i), { idempotencyKey: `fashion-${i}` });
      if (status === "answered") continue;
      open.push(fashion(i));
      await nextForReview();
      await ladder.client("review").answer(id, "rain-boots");
    }
    const run = await ladder.client("admin").retrain(model, region, { waitSeconds: 60 });
    expect(run, `${run.reason}: ${JSON.stringify(run.report)}`).toMatchObject({ status: "promoted", region });
    // The edge hears of a newer head from any reply of the region. A trace is sure to bring one: a question that the
    // old head is sure of by now does not.
    await ladder.client("admin").ask(model, open[0] as Instance, { trace: true });
    // What the new head is not sure of, the region remembers; nobody is asked again.
    // Of some the origin was sure before, and wrong, as its certificate allows: nobody was taught those.
    const likes = await Promise.all(open.slice(0, 70).map((like) => ladder.client("ask").ask(model, like)));
    for (const like of likes) expect(like).toMatchObject({ status: "answered", label: "rain-boots", accepted: true });
    const atEdge = likes.filter(({ rung, version }) => rung === "edge" && version === `1+${region}.1`);
    expect(atEdge.length).toBeGreaterThan(likes.length / 4);
    const elsewhere = await ladder.client("ask").ask(model, { ...(open[1] as object), region: "capital" });
    expect(elsewhere.version).toBe("1");
  });

  it("reaches the origin again after the origin lost its disk", async () => {
    const asked = { ...(fashion(1) as object), region: "temple", temperature: 34, lookedAt: "head" };
    expect(await ladder.client("ask").ask(model, asked)).toMatchObject({ rung: "origin", status: "answered" });
    await ladder.stopOrigin();
    const { id, status } = await ladder.client("ask").ask(model, { ...asked, temperature: 35 });
    expect(status).toBe("open");
    await ladder.loseOriginDisk();
    await ladder.startOrigin();
    expect(await ladder.client("ask").question(id, { waitSeconds: 60 })).toMatchObject({
      status: "answered",
      rung: "origin",
    });
  });

  async function nextForReview() {
    for (let tries = 0; tries < 100; tries++) {
      const { questions } = await ladder.client("review").review(model);
      if (questions[0]) return questions[0];
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    throw new Error("no question came to review");
  }
});
