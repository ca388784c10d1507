import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";

/** How a rung above fails. The first part of a URL's path says it: /truncated/v1/systemone. */
export const rungFaults = [
  ...[
    "none",
    "limited",
    "limited-hint",
    "used-up",
    "broken",
    "overloaded",
    "slow",
    "truncated",
    "unknown-label",
    "sum",
  ],
  ...["redirect", "huge", "dropped", "no-number", "missing-label", "refusal", "no-json", "too-large", "unauthorised"],
] as const;

const slowMs = 5_000;
const hugeBytes = 20 * 1024 * 1024;

type Body = Record<string, unknown>;
/** The probabilities of labels, as a fault wants them. */
type Distribution = [label: string, probability: unknown][];

/**
 * Answers every protocol of external rungs, but for the binding of Workers AI, as a rung that fails on demand; well, it gives the first
 * label 0.9. `asked` counts the requests of each path.
 */
export function faultyRung(asked: Map<string, number> = new Map()): RequestListener {
  const named = new Map<string, string>();
  return async (request, response) => {
    const path = request.url ?? "";
    if (path === "/asked") return json(response, 200, Object.fromEntries(asked));
    // Sets how the rung at /named-{name}/… fails from now on: /set/{name}/{fault}.
    const [, name, set] = /^\/set\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    if (name !== undefined && set !== undefined) {
      named.set(`named-${name}`, set);
      return json(response, 200, {});
    }
    asked.set(path, (asked.get(path) ?? 0) + 1);
    const [, given = "none", ...rest] = path.split("/");
    const fault = named.get(given) ?? given;
    const body = JSON.parse(await textOf(request)) as Body;
    const openAi = (status: number, code: string, headers = {}) =>
      json(
        response,
        status,
        { error: { message: `sent ${request.headers.authorization}`, type: code, param: null, code } },
        headers,
      );
    switch (fault) {
      case "limited":
        return openAi(429, "rate_limit_exceeded");
      case "limited-hint":
        return openAi(429, "rate_limit_exceeded", { "retry-after": "7" });
      case "used-up":
        return openAi(429, "insufficient_quota");
      case "broken":
        return openAi(500, "server_error");
      case "overloaded":
        return openAi(529, "overloaded_error");
      case "unauthorised":
        return openAi(401, "invalid_api_key");
      case "too-large":
        return openAi(413, "request_too_large");
      case "redirect":
        response.writeHead(307, { location: `/none/${rest.join("/")}` });
        return response.end();
      case "dropped":
        return void request.socket.destroy();
      case "no-json":
        response.writeHead(200, { "content-type": "text/html" });
        return response.end("<html>a proxy's page</html>");
      case "huge":
        return sendHuge(response);
      case "slow":
        await wait(slowMs);
    }
    const reply = JSON.stringify(replyTo(`/${rest.join("/")}`, body, fault));
    response.writeHead(200, { "content-type": "application/json", "content-length": reply.length });
    if (fault !== "truncated") return response.end(reply);
    response.write(reply.slice(0, reply.length / 2));
    await wait(20);
    response.destroy();
  };
}

function replyTo(path: string, body: Body, fault: string): Body {
  if (path === "/v1/systemone") {
    const [[id, question] = ["", {}]] = Object.entries(body.questions as Record<string, Body>);
    const probabilities = Object.fromEntries(distribution(Object.keys(question.criteria as object), fault));
    const answer =
      fault === "refusal" ? { type: "refusal" } : { type: "choice", choice: "a", probabilities, confidence: 0.8 };
    return { model: "faulty-1", answers: { [id]: answer }, usage: { input_tokens: 100, output_tokens: 0 } };
  }
  if (path === "/v1/decisions") {
    const [question = {}] = body.questions as Body[];
    const values = (question.choices as { value: string }[]).map(({ value }) => value);
    const probabilities = distribution(values, fault).map(([value, probability]) => ({ value, probability }));
    const answer =
      fault === "refusal"
        ? { type: "refusal", name: question.name }
        : { type: "choice", name: question.name, choice: "a", probabilities, confidence: 0.8 };
    return { model: "faulty-1", answers: [answer], usage: { input_tokens: 100 } };
  }
  if (path.startsWith("/v2/")) {
    const data = distribution(["a", "b", "c"], fault).map(([, probability]) => probability);
    if (fault === "unknown-label") data.push(0);
    return { model_name: "faulty-1", outputs: fault === "refusal" ? [] : [{ name: "scores", data }] };
  }
  if (path.endsWith("/ask")) {
    const scores = Object.fromEntries(distribution(["a", "b", "c"], fault));
    const answer = { model: "faulty", version: "1", status: "answered", label: "a", scores, confidence: 0.9 };
    return { answers: fault === "refusal" ? [] : [answer] };
  }
  const top = distribution(["A", "B", "C"], fault).map(([token, p]) => ({
    token,
    logprob: Math.log(Number(p) || 1e-9),
  }));
  const message =
    fault === "refusal"
      ? { content: null, refusal: "I can't help with that." }
      : { content: JSON.stringify({ k: fault === "unknown-label" ? "Z" : "A" }), refusal: null };
  const finish = fault === "missing-label" ? "length" : "stop";
  const logprobs = body.logprobs ? { content: [{ token: "A", top_logprobs: top }] } : null;
  return {
    ...{ model: "faulty-1", choices: [{ finish_reason: finish, message, logprobs }] },
    usage: { prompt_tokens: 100 },
  };
}

function distribution(labels: readonly string[], fault: string): Distribution {
  const rest = 0.1 / (labels.length - 1);
  const all = labels.map((label, i): [string, unknown] => [label, i === 0 ? 0.9 : rest]);
  if (fault === "unknown-label") return [...all.slice(0, -1), ["something else", rest]];
  if (fault === "missing-label") return all.slice(0, -1);
  if (fault === "sum") return all.map(([label, p]) => [label, Math.min(1, Number(p) * 5)]);
  if (fault === "no-number") return all.map(([label], i) => [label, i === 0 ? "0.9" : null]);
  return all;
}

async function sendHuge(response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-type": "application/json", "content-length": hugeBytes });
  const chunk = Buffer.alloc(64 * 1024, " ");
  for (let sent = 0; sent < hugeBytes && !response.destroyed; sent += chunk.length) {
    if (!response.write(chunk)) await Promise.race([new Promise((go) => response.once("drain", go)), wait(500)]);
  }
  response.end();
}

function json(response: ServerResponse, status: number, body: unknown, headers = {}): void {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += chunk;
  return text === "" ? "{}" : text;
}
