// Sends the flood of `npm run bench -- load` from a thread of its own: at a fixed rate, whether answers come or not.
import { Agent, request } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import type { Answer } from "#core/contract/index.ts";

/** What is sent: every request by the next token, about the next model. */
export interface FloodOrder {
  url: string;
  tokens: string[];
  models: string[];
  body: string;
  perSecond: number;
  seconds: number;
}

/** What came back. */
export interface Flood {
  sent: number;
  /** Requests without a response: refused connections, and those that were not answered in time. */
  unanswered: number;
  statuses: Record<number, number>;
  degraded: number;
  /** Questions that were accepted with 2xx and are to be found afterwards. */
  accepted: { id: string; token: string }[];
}

const order = workerData as FloodOrder;
const tickMs = 10;
const timeoutMs = 20_000;
const agent = new Agent({ keepAlive: true, maxSockets: 1_024 });
const flood: Flood = { sent: 0, unanswered: 0, statuses: {}, degraded: 0, accepted: [] };

function send(i: number): Promise<void> {
  const token = order.tokens[i % order.tokens.length] as string;
  const model = order.models[Math.floor(i / order.tokens.length) % order.models.length] as string;
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return new Promise((resolve) => {
    const options = { agent, method: "POST", headers, timeout: timeoutMs };
    const sent = request(`${order.url}/v1/models/${model}/ask`, options, async (response) => {
      const text = Buffer.concat(await response.toArray().catch(() => [])).toString();
      const status = response.statusCode ?? 0;
      flood.statuses[status] = (flood.statuses[status] ?? 0) + 1;
      if (status < 300) {
        const { id, degraded } = JSON.parse(text) as Answer;
        if (degraded) flood.degraded++;
        else flood.accepted.push({ id, token });
      }
      resolve();
    });
    sent.once("timeout", () => sent.destroy());
    sent.once("error", () => {
      flood.unanswered++;
      resolve();
    });
    sent.end(order.body);
  });
}

const startedAt = performance.now();
const pending: Promise<void>[] = [];
for (;;) {
  const elapsed = performance.now() - startedAt;
  if (elapsed >= order.seconds * 1_000) break;
  const due = Math.floor((elapsed / 1_000) * order.perSecond);
  while (flood.sent < due) pending.push(send(flood.sent++));
  await wait(tickMs);
}
await Promise.all(pending);
agent.destroy();
parentPort?.postMessage(flood);
