import { auditOrders, auditPageMaxRows } from "#core/contract/index.ts";
import { tokensObject } from "#objects/stubs.ts";
import type { Call, Route } from "../call.ts";
import { bytes } from "../contract.ts";
import { choiceQuery, wholeQuery } from "../query.ts";

const max = Number.MAX_SAFE_INTEGER;

/** Reads the audit log as NDJSON. The last line is the cursor of the next page; `more` says whether there is one already. */
async function getAudit(call: Call): Promise<Response> {
  const order = choiceQuery(call, "order", auditOrders) ?? "oldest";
  const isFirst = call.query("after") === null;
  const after = wholeQuery(call, "after", 0, max);
  const start = isFirst && order === "newest" ? max : after;
  const request = { after: start, from: wholeQuery(call, "from", 0, max), limit: auditPageMaxRows, order };
  const entries = await tokensObject(call.env).audit(request);
  const last = { cursor: entries.at(-1)?.number ?? after, more: entries.length === auditPageMaxRows };
  const body = [...entries, last].map((line) => `${JSON.stringify(line)}\n`).join("");
  return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
}

export const auditRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/audit",
    scope: "admin",
    reach: "deployment",
    operation: "read the audit log",
    contract: {
      query: {
        after: { description: "The cursor of the previous page's last line", type: "integer" },
        order: {
          description: "Which entries come first: the oldest unless given",
          type: "string",
          values: auditOrders,
        },
        from: { description: "Leaves out what is older, ms since 1970", type: "integer" },
      },
      replies: { 200: bytes("application/x-ndjson") },
    },
    handle: getAudit,
  },
];
