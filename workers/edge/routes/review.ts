import { reviewObject } from "../../../durable-objects/stubs.ts";
import { classifying } from "../../core/artefacts.ts";
import { reviewSchema } from "../../core/contract/index.ts";
import { type Call, jsonResponse, modelOf, type Route } from "../call.ts";
import { json } from "../contract.ts";
import { servedManifest, servedPointer } from "../ladder/version.ts";
import { holderOf, reviewer } from "./questions.ts";

const defaultLimit = 1;
const maxLimit = 100;

/** Hands out the oldest open questions, to this holder alone until the lease ends. */
async function getReview(call: Call): Promise<Response> {
  const model = modelOf(call);
  classifying(await servedManifest(call, await servedPointer(call, model)));
  const asked = Number(call.query("limit") ?? defaultLimit);
  const limit = Math.min(maxLimit, Math.max(1, Math.trunc(asked) || defaultLimit));
  const regions = call.token && !call.token.regions.includes("*") ? call.token.regions : null;
  const review = reviewObject(call.env, model);
  return jsonResponse({ questions: await review.lease(holderOf(call), regions, limit), waiting: await review.size() });
}

export const reviewRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/models/:model/review",
    scope: "review",
    operation: "review",
    contract: {
      query: { limit: { description: "How many at most", type: "integer" } },
      headers: reviewer,
      replies: { 200: json(reviewSchema) },
    },
    handle: getReview,
  },
];
