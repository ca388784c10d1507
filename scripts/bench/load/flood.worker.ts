// Sends the flood of `npm run bench -- load` from a thread of its own: at a fixed rate, whether answers come or not.
import { Agent } from "node:http";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import type { Answer } from "#core/contract/index.ts";
import { post } from "./post.ts";

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
  /** Requests that the rate asks for, and those that were sent: the others found no free connection. */
  due: number;
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
/** Opened before the flood, some at a time: those that a server can't take at once are made to wait by TCP, up to minutes. */
const connections = 512;
const openedAtOnce = 32;
const agent = new Agent({ keepAlive: true, maxSockets: connections });
let underway = 0;
const flood: Flood = { due: 0, sent: 0, unanswered: 0, statuses: {}, degraded: 0, accepted: [] };

async function send(i: number): Promise<void> {
  const token = order.tokens[i % order.tokens.length] as string;
  const model = order.models[Math.floor(i / order.tokens.length) % order.models.length] as string;
  try {
    const { status, text } = await post(agent, `${order.url}/v1/models/${model}/ask`, token, order.body);
    flood.statuses[status] = (flood.statuses[status] ?? 0) + 1;
    if (status >= 300) return;
    const { id, degraded } = JSON.parse(text) as Answer;
    if (degraded) flood.degraded++;
    else flood.accepted.push({ id, token });
  } catch {
    flood.unanswered++;
  }
}

for (let opened = openedAtOnce; opened <= connections; opened += openedAtOnce) {
  const some = Array.from({ length: opened }, () => post(agent, `${order.url}/healthz`, "", "").catch(() => null));
  await Promise.all(some);
}
const startedAt = performance.now();
const pending: Promise<void>[] = [];
for (;;) {
  const elapsed = performance.now() - startedAt;
  if (elapsed >= order.seconds * 1_000) break;
  const due = Math.floor((elapsed / 1_000) * order.perSecond);
  for (; flood.due < due; flood.due++) {
    if (underway >= connections) continue;
    underway++;
    const sent = send(flood.sent++).finally(() => {
      underway--;
    });
    pending.push(sent);
  }
  await wait(tickMs);
}
await Promise.all(pending);
agent.destroy();
parentPort?.postMessage(flood);
