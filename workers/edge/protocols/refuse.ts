import type { Problem } from "#core/contract/index.ts";

/**
 * A problem as these protocols say it: `{"error": "…"}`. What does not fit is 400 there, not 422. Refusals of tokens
 * keep their status and challenge, and take this form too: their clients look for `error` and nothing else.
 */
export function refuse({ status, operation, detail, next, errors }: Problem): Response {
  const headers = new Headers();
  if (status === 401) headers.set("www-authenticate", 'Bearer realm="upriver"');
  if (status === 503) headers.set("retry-after", "2");
  // A problem document lists all that is wrong; here the first stands for it.
  const advice = errors ? "Nothing was stored; the model's metadata names its inputs and outputs." : next;
  const error = `Error in ${operation}: ${detail} ${advice}`;
  return Response.json({ error }, { status: status === 422 ? 400 : status, headers });
}
