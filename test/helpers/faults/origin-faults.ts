import type { ServerResponse } from "node:http";
import { setTimeout as wait } from "node:timers/promises";
import { gzipSync } from "node:zlib";

/** How an origin fails that is reached. */
export const reachedOriginFaults = [
  ...["reset", "reset-after-headers", "cut-body", "half-json", "slow-headers", "slow-body", "empty", "html", "null"],
  ...["array", "no-answers", "too-few", "too-many", "twice", "other-id", "unknown-label", "not-a-number", "infinite"],
  ...["wrong-type", "error-500", "error-503", "redirect", "huge", "gzip-bomb"],
] as const;

/** How an origin fails: two of them never reach it. */
export const originFaults = ["refused", "tls", ...reachedOriginFaults] as const;
export type OriginFault = (typeof originFaults)[number];

const slowMs = 1_500;
const hugeBytes = 20 * 1024 * 1024;

type Answer = Record<string, unknown>;

/** Fails in one way, given what the origin would have answered. Returns false for a fault that it does not know. */
export async function failAs(fault: string, good: { answers: Answer[] }, response: ServerResponse): Promise<boolean> {
  const text = JSON.stringify(good);
  const send = (body: string | Buffer, headers: Record<string, string> = {}, status = 200) => {
    response.writeHead(status, { "content-type": "application/json", ...headers });
    response.end(body);
    return true;
  };
  const altered = (change: (answer: Answer, i: number) => Answer) => {
    return send(JSON.stringify({ answers: good.answers.map(change) }));
  };
  const withScores = (score: unknown) => (answer: Answer) => {
    return { ...answer, scores: { ...(answer.scores as object), a: score }, confidence: score };
  };
  switch (fault) {
    case "reset":
      response.socket?.destroy();
      return true;
    case "reset-after-headers":
      response.writeHead(200, { "content-type": "application/json" }).flushHeaders();
      await wait(10);
      response.socket?.destroy();
      return true;
    case "cut-body":
      response.writeHead(200, { "content-type": "application/json", "content-length": String(text.length) });
      response.write(text.slice(0, text.length / 2));
      await wait(10);
      response.socket?.destroy();
      return true;
    case "half-json":
      return send(text.slice(0, text.length / 2));
    case "slow-headers":
      await wait(slowMs);
      return send(text);
    case "slow-body":
      response.writeHead(200, { "content-type": "application/json" });
      response.write(text.slice(0, 10));
      await wait(slowMs);
      response.end(text.slice(10));
      return true;
    case "empty":
      return send("");
    case "html":
      return send("<html>a proxy's page</html>", { "content-type": "text/html" });
    case "null":
      return send("null");
    case "array":
      return send("[]");
    case "no-answers":
      return send('{"answers":[]}');
    case "too-few":
      return send(JSON.stringify({ answers: good.answers.slice(1) }));
    case "too-many":
      return send(
        JSON.stringify({ answers: [...good.answers, { ...good.answers[0], id: `${good.answers[0]?.id}-more` }] }),
      );
    case "twice":
      return send(
        JSON.stringify({ answers: [...good.answers, ...good.answers.map((one) => ({ ...one, label: "c" }))] }),
      );
    case "other-id":
      return altered((answer) => ({ ...answer, id: `${answer.id}-other` }));
    case "unknown-label":
      return altered((answer) => ({ ...answer, label: "elephant", scores: { elephant: 1 }, confidence: 1 }));
    case "not-a-number":
      return altered(withScores(null));
    case "infinite":
      return send(text.replace(/"confidence":[^,}]+/g, '"confidence":1e999'));
    case "wrong-type":
      return altered((answer) => ({ ...answer, label: 7, accepted: "yes" }));
    case "error-500":
      return send("broken", {}, 500);
    case "error-503":
      return send("{}", { "retry-after": new Date(Date.now() + 600_000).toUTCString() }, 503);
    case "redirect":
      return send("", { location: "/healthz" }, 307);
    case "huge":
      return send(`${text.slice(0, -1)},"more":"${" ".repeat(hugeBytes)}"}`);
    case "gzip-bomb":
      return send(gzipSync(Buffer.alloc(hugeBytes, " ")), { "content-encoding": "gzip" });
  }
  return false;
}
