import type { Problem } from "#core/contract/index.ts";

/**
 * Writes a problem in the form of these protocols, `{"error": "…"}`. A failed validation is 400 there, not 422. Refused
 * tokens keep their status and challenge, in this form too: the protocols' clients read `error` and nothing else.
 */
export function refuse({ status, detail, next, errors }: Problem): Response {
  const headers = new Headers();
  if (status === 401) headers.set("www-authenticate", 'Bearer realm="upriver"');
  if (status === 503) headers.set("retry-after", "2");
  // A problem document lists all errors; these protocols have space for the first one only.
  const advice = errors ? "Nothing was stored. See the model's metadata for its inputs and outputs." : next;
  const error = `${detail} ${advice}`;
  return Response.json({ error }, { status: status === 422 ? 400 : status, headers });
}
