import {
  ladderSchema,
  seriesRangeNames,
  seriesSchema,
  type TokenLimits,
  type TokenState,
  tokenStateSchema,
} from "#core/contract/index.ts";
import { type CallerLimits, limitsOf } from "#core/limits/limits.ts";
import { isTrusted } from "#core/tokens.ts";
import { registryObject } from "#objects/stubs.ts";
import { manifestOf } from "../artefacts/models.ts";
import { type Call, jsonResponse, modelOf, type Route } from "../call.ts";
import { bytes, json } from "../contract.ts";
import { servedPointer } from "../ladder/version.ts";
import { ladderMetrics } from "../metrics/ladder-metrics.ts";
import { keptShareOf, ladderOf, look } from "../metrics/look.ts";
import { regionMetrics } from "../metrics/region-metrics.ts";
import { withRest } from "../metrics/rest.ts";
import { seriesOf, seriesStepsOf } from "../metrics/series.ts";
import { metricsText } from "../metrics/text.ts";
import { choiceQuery, wholeQuery } from "../query.ts";

async function getLadder(call: Call): Promise<Response> {
  const seen = ladderOf(await look(call));
  return jsonResponse({ node: call.node.id, at: Date.now(), ...seen }, 200, { "cache-control": "no-store" });
}

/** The regions of a model that metrics show one by one, unless asked otherwise, and the most. */
const shownRegions = 100;
const shownRegionsMax = 1_000;

async function getMetrics(call: Call): Promise<Response> {
  const seen = withRest(await look(call, wholeQuery(call, "regions", shownRegions, shownRegionsMax)));
  const text = metricsText([...ladderMetrics(seen), ...regionMetrics(seen.models)]);
  return new Response(text, { headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" } });
}

async function getSeries(call: Call): Promise<Response> {
  const model = modelOf(call);
  const range = choiceQuery(call, "range", seriesRangeNames) ?? "hour";
  const pointer = await servedPointer(call, model);
  const manifest = await manifestOf(call, model, pointer.stable as number);
  const isLearning = manifest.task !== "tensor";
  const counted = await registryObject(call.env, model).series(range);
  const steps = seriesStepsOf(counted, isLearning ? keptShareOf(manifest.policy) : 0);
  return jsonResponse(seriesOf(model, range, isLearning ? manifest.thin.rule.targetRisk : null, steps));
}

function getToken({ node, token }: Call): Response {
  const own = token as NonNullable<typeof token>;
  const { id, scopes, models, regions } = own;
  const limits = limitsOf(own);
  const state: TokenState = {
    ...{ id, scopes, models, regions },
    limits: limits && tokenLimitsOf(limits),
    trusted: isTrusted(own),
    node: node.id,
  };
  return jsonResponse(state);
}

function tokenLimitsOf({
  questionsPerMinute,
  openQuestions,
  reviewQuestions,
  contributionLabels,
}: CallerLimits): Record<keyof TokenLimits, number> {
  return { questionsPerMinute, openQuestions, reviewQuestions, contributionLabels };
}

export const metricsRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/ladder",
    scope: "metrics",
    operation: "read the ladder",
    contract: { replies: { 200: json(ladderSchema) } },
    handle: getLadder,
  },
  {
    method: "GET",
    path: "/v1/models/:model/series",
    scope: "metrics",
    reach: "all-regions",
    operation: "read a model's questions over time",
    contract: {
      query: {
        range: {
          description:
            "The time up to now, in steps: an hour by the minute (the default), a day by 10 minutes, a week by the hour, a month by 6 hours",
          type: "string",
          values: seriesRangeNames,
        },
      },
      replies: { 200: json(seriesSchema) },
    },
    handle: getSeries,
  },
  {
    method: "GET",
    path: "/metrics",
    scope: "metrics",
    operation: "read metrics",
    contract: {
      query: {
        regions: {
          description: `The regions of each model that have series of their own, the oldest first: ${shownRegions} unless given, at most ${shownRegionsMax}. The others are summed under an empty region`,
          type: "integer",
        },
      },
      replies: { 200: bytes("text/plain") },
    },
    handle: getMetrics,
  },
  {
    method: "GET",
    path: "/v1/token",
    scope: "any",
    operation: "read the permissions and limits of a token",
    contract: { replies: { 200: json(tokenStateSchema) } },
    handle: getToken,
  },
];
