import { env } from "cloudflare:workers";
import { describe, expect, it, vi } from "vitest";
import type { Answer, ExternalRung, ExternalRungState, Policy } from "#core/contract/index.ts";
import { RungUnavailableError } from "#core/rung/rung.ts";
import { mayPass } from "#objects/region/answering/next-rung.ts";
import { ask, call, eventually, expectOk, instance, publish } from "../helpers/edge.ts";
import { TestRegion } from "../helpers/region.ts";

const above = (env as unknown as { TEST_ABOVE_URL: string }).TEST_ABOVE_URL;
const key = (env as unknown as { RUNG_KEY_ABOVE: string }).RUNG_KEY_ABOVE;
const never = 1.01;

function rungOf(fault: string, more: Partial<ExternalRung> = {}): ExternalRung {
  return {
    ...{ name: "jev", kind: "system-one", url: `${above}/${fault}`, model: "m", key: "RUNG_KEY_ABOVE" },
    // A busy machine takes its time.
    ...{ deadlineMs: fault === "slow" ? 300 : 8_000, minLabels: 0, threshold: 0.5, ...more },
  };
}

async function publishWith(model: string, policy: Partial<Policy>): Promise<TestRegion> {
  await publish({ model, threshold: never, policy: { learning: [], ...policy } });
  return new TestRegion(model);
}

const withPeople: Policy["ladder"] = ["edge", "region", "origin", "human"];
const withoutPeople: Policy["ladder"] = ["edge", "region", "origin"];
const set = (name: string, fault: string) => fetch(`${above}/set/${name}/${fault}`);
const stateOf = async (region: TestRegion): Promise<ExternalRungState> =>
  (await region.inside((object) => object.state(1))).above?.[0] as ExternalRungState;
const timesAsked = async (fault: string) =>
  (await (await fetch(`${above}/asked`)).json<Record<string, number>>())[`/${fault}/v1/systemone`] ?? 0;

const faults = [
  ...["limited", "limited-hint", "used-up", "broken", "overloaded", "slow", "truncated", "unknown-label", "sum"],
  ...["redirect", "huge", "dropped", "no-number", "missing-label", "no-json", "too-large", "unauthorised"],
];

describe("an external rung", () => {
  it("answers what the edge does not accept, under its own name", async () => {
    const region = await publishWith("ext-well", {
      ladder: withPeople,
      above: [rungOf("none", { price: { usdPerMillionInputTokens: 5 } })],
    });
    const answer = await ask("ext-well", { instance: instance(1) });
    expect(answer).toMatchObject({
      status: "answered",
      accepted: true,
      label: "a",
      rung: "origin",
      version: "jev/faulty-1",
    });
    expect(answer.certificate).toBeNull();
    expect(await stateOf(region)).toMatchObject({ status: "asked", answered: 1, inputTokens: 100, usd: 0.0005 });
  });

  it.each(faults)("that is '%s' is passed over: the next rung answers", async (fault) => {
    const model = `ext-next-${fault}`;
    await publishWith(model, { ladder: withPeople, above: [rungOf(fault), "origin"] });
    const logged = vi.spyOn(console, "warn");
    const answer = await ask(model, { instance: instance(2) });
    expect(answer).toMatchObject({ status: "answered", accepted: true, rung: "origin", version: "1" });
    expect(JSON.stringify([answer, logged.mock.calls])).not.toContain(key);
  });

  it.each(faults)("that is '%s' and alone leaves the question open, with the edge's answer", async (fault) => {
    const model = `ext-alone-${fault}`;
    const region = await publishWith(model, { ladder: withPeople, above: [rungOf(fault)] });
    const response = await call("POST", `/v1/models/${model}/ask`, { body: { instance: instance(3) } });
    const answer = await response.json<Answer>();
    expect(response.status).toBe(202);
    expect(answer).toMatchObject({ status: "open", accepted: false, rung: "edge" });
    const [row] = await region.rows("SELECT escalateAt, inReview, reviewAt FROM questions");
    // What asking again may help is asked again; the rest goes to people at once.
    const isFinal = ["used-up", "too-large"].includes(fault);
    if (isFinal)
      await eventually(async () => expect((await region.rows("SELECT inReview FROM questions"))[0]?.inReview).toBe(1));
    else expect(row?.escalateAt).toBeGreaterThan(0);
  });

  it.each(["used-up", "too-large"])(
    "that is '%s', without people, leaves the edge's answer as the last",
    async (fault) => {
      const model = `ext-last-${fault}`;
      await publishWith(model, { ladder: withoutPeople, above: [rungOf(fault)] });
      expect(await ask(model, { instance: instance(4) })).toMatchObject({
        status: "answered",
        accepted: false,
        rung: "edge",
      });
    },
  );

  it("answers later what it could not answer", async () => {
    await set("later", "broken");
    await publishWith("ext-later", { ladder: withPeople, above: [rungOf("named-later")] });
    const { id, status } = await ask("ext-later", { instance: instance(5) });
    expect(status).toBe("open");
    await set("later", "none");
    await eventually(async () => {
      const answer = await (await expectOk(call("GET", `/v1/questions/${id}`))).json<Answer>();
      expect(answer).toMatchObject({ status: "answered", version: "jev/faulty-1" });
    });
  });
});

describe("limits and failures of an external rung", () => {
  it("are told apart: an empty allowance pauses it and is no failure", async () => {
    await set("empty", "used-up");
    await publishWith("ext-paused", { ladder: withoutPeople, above: [rungOf("named-empty")] });
    const paused = new TestRegion("ext-paused");
    for (let i = 0; i < 5; i++) await ask("ext-paused", { instance: instance(i) });
    expect(await timesAsked("named-empty")).toBe(1);
    const { breaker } = await paused.inside((object) => object.state(1));
    expect(breaker).toBe("closed");
    expect(await stateOf(paused)).toMatchObject({ status: "allowance", unanswered: { allowance: 1, failed: 0 } });
  });

  it("are told apart: failures open the breaker", async () => {
    await publishWith("ext-broken", { ladder: withPeople, above: [rungOf("broken")] });
    const region = new TestRegion("ext-broken");
    for (let i = 0; i < 4; i++) await ask("ext-broken", { instance: instance(i) });
    expect((await region.inside((object) => object.state(1))).breaker).toBe("open");
    expect((await stateOf(region)).unanswered.failed).toBe(3);
  });

  it("count once for a batch, however many questions it met", async () => {
    await publishWith("ext-batch", { ladder: withPeople, above: [rungOf("broken")] });
    const region = new TestRegion("ext-batch");
    const batch = Array.from({ length: 4 }, (_, i) => instance(i));
    await region.ask(
      batch,
      batch.map((_, i) => `ext-batch~north~${i}`),
    );
    expect((await region.inside((object) => object.state(1))).breaker).toBe("closed");
    expect((await stateOf(region)).unanswered.failed).toBe(4);
  });

  it.each<[string, ConstructorParameters<typeof RungUnavailableError>[1], boolean]>([
    ["a rate limit without a hint", { why: "rate-limited" }, true],
    ["a failure with a hint of seconds", { why: "failed", retryAfterMs: 7_000 }, true],
    ["a failure with a hint of hours", { why: "failed", retryAfterMs: 7_200_000 }, false],
    ["a rate limit with a hint of hours", { why: "rate-limited", retryAfterMs: 7_200_000 }, false],
    ["an empty allowance", { why: "allowance" }, false],
  ])("keep a question from people for a minute at most: %s", (_, options, isAskedAgain) => {
    expect(mayPass(new RungUnavailableError("no answer", options))).toBe(isAskedAgain);
  });

  it("count over all regions where a recipe limits the rate", async () => {
    const rateLimit = { questions: 3, perSeconds: 3_600 };
    const policy = { ladder: withoutPeople, above: [rungOf("none", { rateLimit })] };
    await publishWith("ext-limited", policy);
    const asked: Answer[] = [];
    for (const region of ["north", "south", "north", "south"]) {
      asked.push(await ask("ext-limited", { instance: instance(1, region) }));
    }
    expect(asked.map(({ rung }) => rung)).toEqual(["origin", "origin", "origin", "edge"]);
    expect(asked[3]).toMatchObject({ status: "answered", accepted: false });
  });
});

describe("the calibration of an external rung", () => {
  it("counts before its answers do, and lowers what is too sure", async () => {
    const policy = { ladder: withoutPeople, above: [rungOf("none", { minLabels: 10, threshold: 0.85 })] };
    const region = await publishWith("ext-calibrated", policy);
    const ids = Array.from({ length: 40 }, (_, i) => `ext-calibrated~north~${i}`);
    const instances = ids.map((_, i) => instance(i));
    const first = await region.ask(instances.slice(0, 10), ids.slice(0, 10));
    expect(first.every(({ accepted, version }) => !accepted && version === "jev/faulty-1")).toBe(true);
    await region.teach(ids.slice(0, 10).map((id) => ({ id, label: "a" })));
    const [sure] = await region.ask(instances.slice(10, 11), ids.slice(10, 11));
    expect(sure).toMatchObject({ accepted: true, label: "a" });
    await region.ask(instances.slice(11), ids.slice(11));
    await region.teach(ids.slice(11).map((id, i) => ({ id, label: i % 2 ? "a" : "b" })));
    const { calibration } = await stateOf(region);
    expect(calibration.labels).toBe(39);
    expect(calibration.temperature).toBeGreaterThan(1.3);
    const [unsure] = await region.ask([instance(99)], ["ext-calibrated~north~99"]);
    expect(unsure?.confidence).toBeLessThan(0.85);
    expect(unsure?.accepted).toBe(false);
  });
});

describe("the checks", () => {
  it("name a key that is missing", async () => {
    await publishWith("ext-keyless", { ladder: withPeople, above: [rungOf("none", { key: "RUNG_KEY_MISSING" })] });
    const { findings } = await (await expectOk(call("GET", "/v1/checks"))).json<{
      findings: { check: string; remedy: string | null }[];
    }>();
    const found = findings.find(({ check }) => check === "ext-keyless: rung jev");
    expect(found?.remedy).toContain("wrangler secret put RUNG_KEY_MISSING");
    // Questions escalate to people.
    expect(await ask("ext-keyless", { instance: instance(1) })).toMatchObject({ status: "open", rung: "edge" });
  });
});
