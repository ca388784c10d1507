import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ExternalKind, ExternalRung } from "#core/contract/index.ts";
import { ExternalRungClient } from "#core/rung/external/client.ts";
import type { AiBinding } from "#core/rung/external/workers-ai-binding.ts";
import { type NoAnswer, RungUnavailableError } from "#core/rung/rung.ts";
import { faultyRung, type rungFaults } from "#test/helpers/faulty-rung.ts";
import { startServer } from "#test/helpers/http-server.ts";
import { hop, questions } from "#test/helpers/rung.ts";

type Fault = (typeof rungFaults)[number];
type Kind = Exclude<ExternalKind, "workers-ai">;

// A busy machine takes its time.
const patient = { ...hop, remainingMs: 30_000 };
const key = "sk-secret-of-the-tests";
const asked = new Map<string, number>();
let server: Awaited<ReturnType<typeof startServer>>;

beforeAll(async () => {
  server = await startServer(faultyRung(asked));
});
afterAll(() => server.stop());

function clientOf(kind: Kind, fault: Fault, more: Partial<ExternalRung> = {}): ExternalRungClient {
  const url = `${server.url}/${fault}`;
  const rung: ExternalRung = { name: "above", kind, url, model: "m", deadlineMs: 10_000, ...more };
  const options = { rung, model: "shop", labels: ["a", "b", "c"], targetRisk: 0.1 };
  return new ExternalRungClient({ ...options, endpoint: { url, key } });
}

const errorOf = async (pending: Promise<unknown>): Promise<RungUnavailableError> => {
  const error = await pending.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(RungUnavailableError);
  return error as RungUnavailableError;
};

const kinds: Kind[] = ["system-one", "openai-decisions", "openai-chat", "open-inference", "http"];
/** The protocols in which a rung can refuse a question. */
const refusing: readonly Kind[] = ["openai-decisions", "openai-chat"];
const expected: [Fault, NoAnswer][] = [
  ["limited", "rate-limited"],
  ["limited-hint", "rate-limited"],
  ["used-up", "allowance"],
  ["broken", "failed"],
  ["overloaded", "failed"],
  ["unauthorised", "failed"],
  ["slow", "failed"],
  ["truncated", "failed"],
  ["unknown-label", "failed"],
  ["redirect", "failed"],
  ["huge", "failed"],
  ["dropped", "failed"],
  ["no-json", "failed"],
  ["missing-label", "failed"],
  ["too-large", "rejected"],
];

describe.each(kinds)("a rung above by %s", (kind) => {
  it("answers when nothing is wrong", async () => {
    const [reply] = await clientOf(kind, "none").ask(questions(1), patient);
    expect(reply?.answer).toMatchObject({ label: "a", version: `above/faulty${kind === "http" ? ":" : "-"}1` });
    expect(reply?.answer.confidence).toBeCloseTo(0.9, 6);
  });

  it.each(expected)("that is '%s' is reported as %s", async (fault, why) => {
    const error = await errorOf(
      clientOf(kind, fault, fault === "slow" ? { deadlineMs: 300 } : {}).ask(questions(1), patient),
    );
    expect(error.why).toBe(why);
    expect(error.retryAfterMs).toBe(fault === "limited-hint" ? 7_000 : null);
    // The server quotes the key in its messages.
    expect(`${error.message} ${String(error.cause)}`).not.toContain(key);
  });

  it("follows no redirect and tries once", async () => {
    const count = () => [...asked.values()].reduce((sum, n) => sum + n, 0);
    const before = count();
    await errorOf(clientOf(kind, "redirect").ask(questions(1), patient));
    expect(count()).toBe(before + 1);
  });

  it("that refuses a question has no opinion on it", async () => {
    const { why } = await errorOf(clientOf(kind, "refusal").ask(questions(1), patient));
    expect(why).toBe(refusing.includes(kind) ? "declined" : "failed");
  });

  it("is not at fault for a caller's short deadline", async () => {
    const { why } = await errorOf(clientOf(kind, "slow").ask(questions(1), { ...hop, remainingMs: 50.5 }));
    expect(why).toBe("late");
  });

  it("is not asked when no time is left", async () => {
    const count = () => [...asked.values()].reduce((sum, n) => sum + n, 0);
    const before = count();
    expect((await errorOf(clientOf(kind, "none").ask(questions(1), { ...hop, remainingMs: 0 }))).why).toBe("late");
    expect(count()).toBe(before);
  });
});

describe.each(["system-one", "openai-decisions", "open-inference", "http"] as const)("probabilities by %s", (kind) => {
  it.each<Fault>(["sum", "no-number"])("are refused where they are none: '%s'", async (fault) => {
    expect((await errorOf(clientOf(kind, fault).ask(questions(1), patient))).why).toBe("failed");
  });
});

it("keeps the answers to other questions of a batch, and stops asking a rung that fails", async () => {
  let n = 0;
  const client = new ExternalRungClient({
    rung: { name: "above", kind: "system-one", url: server.url, model: "m", deadlineMs: 10_000 },
    ...{ model: "shop", labels: ["a", "b", "c"], targetRisk: 0.1, endpoint: { url: server.url, key: null } },
    fetch: (input, init) => {
      const path = new URL(String(input)).pathname;
      n++;
      return fetch(`${server.url}/${n === 6 ? "broken" : "none"}${path}`, init);
    },
  });
  const replies = await client.askEach(questions(12), patient);
  expect(replies.map((reply) => reply instanceof RungUnavailableError)).toEqual([
    false,
    false,
    false,
    false,
    false,
    true,
    false,
    false,
    true,
    true,
    true,
    true,
  ]);
  expect(n).toBe(8);
});

describe("Workers AI", () => {
  const rung: ExternalRung = { name: "clef", kind: "workers-ai", model: "@cf/cloudflare/clef", deadlineMs: 200 };
  const clientWith = (run: AiBinding["run"] | null) =>
    new ExternalRungClient({
      ...{ rung, model: "shop", labels: ["a", "b", "c"], targetRisk: 0.1, endpoint: null },
      ai: run && { run },
    });

  it.each<[string, NoAnswer]>([
    ["3036: you have used up your daily free allocation of 10,000 neurons", "allowance"],
    ["4006: you have used up your daily free allocation", "allowance"],
    ["3040: Capacity temporarily exceeded, please try again.", "rate-limited"],
    ["5012: validation", "rejected"],
    ["3007: timeout", "failed"],
    ["something else", "failed"],
  ])("whose binding throws '%s' is reported as %s", async (text, why) => {
    const error = await errorOf(clientWith(() => Promise.reject(new Error(text))).ask(questions(1), hop));
    expect(error.why).toBe(why);
    if (why === "allowance") expect(error.retryAfterMs).toBeLessThanOrEqual(24 * 3600_000);
  });

  it("that never ends is late by itself", async () => {
    expect((await errorOf(clientWith(() => new Promise(() => {})).ask(questions(1), hop))).why).toBe("failed");
  });

  it("needs its binding", async () => {
    expect((await errorOf(clientWith(null).ask(questions(1), hop))).message).toContain("no binding AI");
  });
});
