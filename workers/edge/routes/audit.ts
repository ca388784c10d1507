import { auditPageMaxRows } from "#core/contract/index.ts";
import { tokensObject } from "#objects/stubs.ts";
import type { Call, Route } from "../call.ts";
import { bytes } from "../contract.ts";
import { wholeQuery } from "../whole-query.ts";

/** Reads the audit log in order, as NDJSON. The last line is the cursor of the next page; `more` says whether there is one already. */
async function getAudit(call: Call): Promise<Response> {
  const after = wholeQuery(call, "after", 0, Number.MAX_SAFE_INTEGER);
  const request = { after, from: wholeQuery(call, "from", 0, Number.MAX_SAFE_INTEGER), limit: auditPageMaxRows };
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
        from: { description: "Leaves out what is older, ms since 1970", type: "integer" },
      },
      replies: { 200: bytes("application/x-ndjson") },
    },
    handle: getAudit,
  },
];
