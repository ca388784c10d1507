import type { HostileRequest, Known } from "./requests.ts";
import type { Reply } from "./send.ts";

/** What became of hostile requests. */
export interface HostileOutcome {
  requests: number;
  /** How many had each status, by what was wrong with them. */
  statuses: Record<string, Record<number, number>>;
  /** Requests with a status of 500 or above, or none. */
  failed: { request: string; status: number; text: string }[];
  /** The routes that were sent any. */
  routes: Set<string>;
}

const failedShown = 20;

/** Reads what exists, with a token that may: a read of a region or a queue makes its empty object, once. */
export async function readAll(
  { models, regions }: Known,
  token: string,
  send: (request: HostileRequest) => Promise<Reply>,
): Promise<void> {
  const paths = models.flatMap((model) => [
    ...["/review", "/regions", "/samples"].map((list) => `/v1/models/${model}${list}`),
    ...regions.flatMap((region) => [`/v1/questions/${model}~${region}~never`, `/v1/models/${model}/regions/${region}`]),
  ]);
  for (const path of paths) {
    const headers = { authorization: `Bearer ${token}` };
    await send({ kind: "reading", route: path, method: "GET", path, headers, body: null });
  }
}

/** Sends a number of requests, several at a time, and counts the replies. */
export async function sendAll(
  requests: Iterator<HostileRequest>,
  count: number,
  connections: number,
  send: (hostile: HostileRequest) => Promise<Reply>,
  onSent: (sent: number) => void = () => {},
): Promise<HostileOutcome> {
  const outcome: HostileOutcome = { requests: 0, statuses: {}, failed: [], routes: new Set() };
  let left = count;
  const one = async () => {
    while (left > 0) {
      left--;
      const hostile = requests.next().value as HostileRequest;
      const { status, text } = await send(hostile);
      outcome.requests++;
      outcome.routes.add(hostile.route);
      const own = outcome.statuses[hostile.kind] ?? {};
      outcome.statuses[hostile.kind] = own;
      own[status] = (own[status] ?? 0) + 1;
      if (isFailure(status, hostile) && outcome.failed.length < failedShown) {
        outcome.failed.push({ request: describe(hostile), status, text: text.slice(0, 500) });
      }
      onSent(outcome.requests);
    }
  };
  await Promise.all(Array.from({ length: connections }, one));
  return outcome;
}

// 508 is a loop that the request claims. A server that refuses a large body need not read it: then the sender may see no
// reply.
function isFailure(status: number, { kind }: HostileRequest): boolean {
  return status === 0 ? kind !== "too large" : status >= 500 && status !== 508;
}

function describe({ kind, method, path, headers, body }: HostileRequest): string {
  const text = body === null ? "" : typeof body === "string" ? body : Buffer.from(body).toString("latin1");
  const { authorization: _, ...shown } = headers;
  return `${kind}: ${method} ${path.slice(0, 200)} ${JSON.stringify(shown).slice(0, 300)} ${JSON.stringify(text.slice(0, 300))}`;
}
