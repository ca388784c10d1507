import { classifying } from "#core/artefacts.ts";
import {
  type ClassifyManifest,
  flaggedSchema,
  type ReviewQuestion,
  reviewLeaseMs,
  reviewSchema,
} from "#core/contract/index.ts";
import { reviewMaxQuestions } from "#objects/review/api.ts";
import { reviewObject } from "#objects/stubs.ts";
import { type Call, jsonResponse, limitedRegions, modelOf, type Route } from "../call.ts";
import { json, type ParameterMap } from "../contract.ts";
import { resolveModel } from "../ladder/version.ts";
import { holderOf, reviewer } from "./review-questions.ts";

const defaultLimit = 1;

export const reviewLimit: ParameterMap = {
  limit: { description: "The largest number of questions to return", type: "integer" },
};

/** Reads the manifest of the reviewed model. Throws a fault for a tensor model. */
export async function reviewedManifest(call: Call): Promise<ClassifyManifest> {
  return classifying((await resolveModel(call, modelOf(call))).manifest);
}

/** Leases the oldest open questions of the token's regions to the caller. */
export function leaseQuestions(
  call: Call,
  leaseMs: number,
  limitUnlessAsked = defaultLimit,
): Promise<ReviewQuestion[]> {
  const asked = Math.trunc(Number(call.query("limit") ?? limitUnlessAsked)) || limitUnlessAsked;
  const limit = Math.min(reviewMaxQuestions, Math.max(1, asked));
  const wanted = { holder: holderOf(call), regions: limitedRegions(call), limit, leaseMs };
  return reviewObject(call.env, modelOf(call)).lease(wanted);
}

async function getReview(call: Call): Promise<Response> {
  await reviewedManifest(call);
  const questions = await leaseQuestions(call, reviewLeaseMs);
  return jsonResponse({ questions, waiting: await reviewObject(call.env, modelOf(call)).size(limitedRegions(call)) });
}

async function getFlagged(call: Call): Promise<Response> {
  await reviewedManifest(call);
  return jsonResponse({ questions: await reviewObject(call.env, modelOf(call)).flagged(limitedRegions(call)) });
}

export const reviewRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/models/:model/review",
    scope: "review",
    operation: "lease questions for review",
    contract: { query: reviewLimit, headers: reviewer, replies: { 200: json(reviewSchema) } },
    handle: getReview,
  },
  {
    method: "GET",
    path: "/v1/models/:model/review/flagged",
    scope: "review",
    operation: "list flagged questions",
    contract: { replies: { 200: json(flaggedSchema) } },
    handle: getFlagged,
  },
];
