import type { Problem } from "#core/contract/index.ts";
import { retryAfterOf } from "#core/http/problem.ts";

/**
 * Writes a problem in the form of these protocols, `{"error": "…"}`. A failed validation is 400 there, not 422. Refused
 * tokens keep their status and challenge, in this form too: the protocols' clients read `error` and nothing else.
 */
export function refuse(problem: Problem): Response {
  const { status, detail, next, errors } = problem;
  const headers = new Headers();
  if (status === 401) headers.set("www-authenticate", 'Bearer realm="upriver"');
  const after = retryAfterOf(problem);
  if (after !== null) headers.set("retry-after", String(after));
  // A problem document lists all errors; these protocols have space for the first one only.
  const advice = errors ? "Nothing was stored. See the model's metadata for its inputs and outputs." : next;
  const error = `${detail} ${advice}`;
  return Response.json({ error }, { status: status === 422 ? 400 : status, headers });
}
