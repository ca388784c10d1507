import {
  bodyMaxBytes,
  type Contribution,
  forgottenRegionSchema,
  type ModelPointer,
  type RegionRun,
  regionDetailSchema,
  regionPageMax,
  regionRunSchema,
  regionRunsSchema,
  regionStatesSchema,
  retrainSchema,
  reviewSuspectsSchema,
  sentSuspectsSchema,
  suspectsSchema,
} from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { preferredWaitSeconds, waitMaxSeconds } from "#core/http/prefer.ts";
import { readJson } from "#core/http/problem.ts";
import { suspectsMax } from "#core/suspect-limits.ts";
import type { SuspectRefusal } from "#objects/region/api.ts";
import type { RegistryLook } from "#objects/registry/api.ts";
import { lacksMethod, regionObject, registryObject, reviewObject } from "#objects/stubs.ts";
import { classifierOf } from "../artefacts/models.ts";
import { learnHead } from "../artefacts/pointers.ts";
import { type Call, jsonResponse, limitedRegions, modelOf, type Route, requireModel, requireRegion } from "../call.ts";
import { bytes, json, preferWait } from "../contract.ts";
import { hasRegion } from "../ladder/regions.ts";
import { baseFor, servedPointer } from "../ladder/version.ts";
import { inTime } from "../metrics/in-time.ts";
import { lookAtRegistry } from "../metrics/look.ts";
import { regionStateOf, reportedState } from "../metrics/region-state.ts";
import { choiceQuery, wholeQuery } from "../query.ts";

/** The query of a list of regions, which comes page by page. */
const pageQuery = {
  after: { description: "The region after which the page starts: `next` of the page before", type: "string" },
  limit: { description: `The largest number of regions; ${regionPageMax} unless given, and at most`, type: "integer" },
} as const;

const byQuery = {
  by: {
    description: "need: the regions that need attention, the most urgent first, on one page; name unless given",
    type: "string",
    values: ["name", "need"],
  },
} as const;

const freshQuery = {
  fresh: {
    description: "true: asks each region of the page, instead of showing what it reported last",
    type: "boolean",
  },
} as const;

/** Lists what the regions reported. One that has not reported yet is asked. */
async function listRegions(call: Call): Promise<Response> {
  const pointer = await servedPointer(call, modelOf(call));
  const { regions, next, totals } = await lookAtPage(call);
  const states = await Promise.all(
    regions.map((seen) => {
      const reported = call.query("fresh") === "true" ? null : reportedState(seen);
      return reported ?? inTime(regionStateOf(call, pointer, seen.region));
    }),
  );
  const silent = regions.flatMap(({ region }, i) => (states[i] === null ? [region] : []));
  const { regions: all, bases, heads, drift, certificates, unasked } = totals;
  const sums = { regions: all, bases, heads, drift, certificates, unasked };
  return jsonResponse({ regions: states.filter((state) => state !== null), silent, next, sums });
}

function lookAtPage(call: Call): Promise<RegistryLook> {
  const limit = Math.max(1, wholeQuery(call, "limit", regionPageMax, regionPageMax));
  const list =
    choiceQuery(call, "by", ["name", "need"]) === "need"
      ? { by: "need" as const, limit }
      : { by: "name" as const, after: call.query("after") ?? "", limit };
  return lookAtRegistry(call.env, modelOf(call), { only: limitedRegions(call), list });
}

async function getRegion(call: Call): Promise<Response> {
  const { model, region, pointer } = await knownRegion(call);
  const [state, { heads, history }, runs, contributions] = await Promise.all([
    regionStateOf(call, pointer, region),
    registryObject(call.env, model).regionHistory(region),
    regionObject(call.env, model, region).runs(),
    contributionsOf(call, model, region),
  ]);
  return jsonResponse({ state, heads, history, runs: runs.map((run) => ({ region, ...run })), contributions });
}

// An object of an earlier release has none, and no such method.
async function contributionsOf(call: Call, model: string, region: string): Promise<Contribution[]> {
  try {
    return await regionObject(call.env, model, region).contributions();
  } catch (error) {
    if (!lacksMethod(error)) throw error;
    return [];
  }
}

/** Lists the retrains of a page of the regions that the token may use, newest first. */
async function listAllRuns(call: Call): Promise<Response> {
  const model = modelOf(call);
  await servedPointer(call, model);
  const { regions, next } = await lookAtPage(call);
  const found = await Promise.all(
    regions.map(async ({ region }) => {
      const runs = await inTime(regionObject(call.env, model, region).runs());
      return (runs ?? []).map(({ report, ...run }) => ({ region, ...run, report: report && brief(report) }));
    }),
  );
  return jsonResponse({ runs: found.flat().sort((a, b) => b.startedAt - a.startedAt), next });
}

// Long lists contain only the figures that the console draws.
function brief({ head, heldFor, comparison = null }: NonNullable<RegionRun["report"]>): RegionRun["report"] {
  return { ...(head === undefined ? {} : { head }), ...(heldFor ? { heldFor } : {}), comparison };
}

async function listRuns(call: Call): Promise<Response> {
  const { model, region } = await knownRegion(call);
  const runs = await regionObject(call.env, model, region).runs();
  return jsonResponse({ runs: runs.map((run) => ({ region, ...run })) });
}

async function postRetrain(call: Call): Promise<Response> {
  const { model, region, base } = await knownRegion(call);
  const { at = Date.now(), acceptOwners } = await readJson(call.request, retrainSchema, bodyMaxBytes);
  if (acceptOwners?.length) call.noted.target = `accepts ${acceptOwners.join(", ")}`;
  const waitMs = preferredWaitSeconds(call.request, waitMaxSeconds) * 1_000;
  const run = await regionObject(call.env, model, region).startRetrain(base, at, waitMs, acceptOwners);
  return jsonResponse({ region, ...run }, run.status === "running" ? 202 : 200);
}

/** Reads a region's sums over its labelled embeddings, as float64 bytes. They contain no single input. */
async function getSums(call: Call): Promise<Response> {
  const { model, region, base } = await knownRegion(call);
  const { labels, backbone, bytes } = await regionObject(call.env, model, region).sums(base);
  const wanted = call.query("backbone");
  if (wanted !== null && wanted !== backbone) {
    throw new FaultError({
      kind: "conflict",
      expected: `sums over the embeddings of backbone ${wanted}`,
      received: `a region whose rung runs backbone ${backbone}, of another thin network`,
      next: "Aggregate at a rung that runs the version's 'thin' (RUNG_KIND edge).",
    });
  }
  const headers = { "x-upriver-labels": String(labels), "x-upriver-backbone": backbone };
  return new Response(bytes, { headers: { "content-type": "application/octet-stream", ...headers } });
}

/** Lists samples whose label may be wrong. */
async function getSuspects(call: Call): Promise<Response> {
  const { model, region, base } = await suspectedRegion(call);
  const limit = Math.max(1, wholeQuery(call, "limit", suspectsMax, suspectsMax));
  return jsonResponse(await regionObject(call.env, model, region).suspects(base, limit));
}

/** Sends samples whose label may be wrong to the review queue. */
async function postReviewSuspects(call: Call): Promise<Response> {
  const { model, region } = await suspectedRegion(call);
  const { ids } = await readJson(call.request, reviewSuspectsSchema, bodyMaxBytes);
  const sent = await regionObject(call.env, model, region).reviewSuspects(ids);
  if (!sent.ok) throw unsent(sent.error, ids, region);
  call.noted.target = `${sent.value.sent} labels`;
  return jsonResponse(sent.value);
}

function unsent(refusal: SuspectRefusal, ids: readonly string[], region: string): FaultError {
  if (refusal.kind === "full") {
    return new FaultError({
      kind: "conflict",
      expected: `at most ${refusal.max} labels of region '${region}' with people at a time`,
      received: `${refusal.waiting} with those of this request; nothing was sent`,
      next: "Send fewer, or wait until people have answered some: GET /v1/models/{model}/review.",
    });
  }
  const errors = refusal.ids.map(({ id, reason }) => ({
    path: `ids/${ids.indexOf(id)}`,
    expected: reason === "unknown" ? `a labelled question of region '${region}'` : "a question whose input is kept",
    received: reason === "unknown" ? `'${id}', which has no label there` : `'${id}', whose input is deleted`,
  }));
  return new FaultError({ kind: "invalid", errors });
}

/** Returns the region in the call's path, of a model of labels. */
async function suspectedRegion(call: Call): ReturnType<typeof knownRegion> {
  const known = await knownRegion(call);
  const { task } = await classifierOf(call, known.model, known.base);
  if (task === "classify") return known;
  const error = { path: "model", expected: "a model of labels", received: "a model of numbers" };
  throw new FaultError({ kind: "invalid", errors: [error] });
}

async function forgetRegion(call: Call): Promise<Response> {
  const { model, region, base } = await knownRegion(call);
  await regionObject(call.env, model, region).forget();
  await reviewObject(call.env, model).forgetRegion(region);
  await registryObject(call.env, model).forgetRegion(region);
  // The region sends this revision with every reply, so that an edge with an older head and rule reads them again.
  const pointer = await registryObject(call.env, model).headPointer(base, region);
  await regionObject(call.env, model, region).setHead(base, pointer);
  learnHead(call, model, base, region, pointer);
  return jsonResponse({ model, region, forgotten: true });
}

/** Returns the region in the call's path, and the version that serves it. Throws not-found for one that the model does not have. */
export async function knownRegion(
  call: Call,
): Promise<{ model: string; region: string; base: number; pointer: ModelPointer }> {
  const { model = "", region = "" } = call.params;
  requireModel(call, model);
  requireRegion(call, region);
  const pointer = await servedPointer(call, model);
  const manifest = await classifierOf(call, model, pointer.stable as number);
  if (!(await hasRegion(call, manifest, region))) {
    const next = "GET /v1/models/{model} lists the regions in policy.regions.";
    throw new FaultError({ kind: "not-found", what: `region '${region}' in model '${model}'`, next });
  }
  return { model, region, base: baseFor(pointer, region), pointer };
}

const path = "/v1/models/:model/regions";

export const regionRoutes: readonly Route[] = [
  {
    method: "GET",
    path,
    scope: "admin",
    operation: "list regions",
    contract: { query: { ...pageQuery, ...byQuery, ...freshQuery }, replies: { 200: json(regionStatesSchema) } },
    handle: listRegions,
  },
  {
    method: "GET",
    path: "/v1/models/:model/runs",
    scope: "admin",
    operation: "list the retrains of all regions",
    contract: { query: pageQuery, replies: { 200: json(regionRunsSchema) } },
    handle: listAllRuns,
  },
  {
    method: "GET",
    path: `${path}/:region`,
    scope: "admin",
    operation: "read a region",
    contract: { replies: { 200: json(regionDetailSchema) } },
    handle: getRegion,
  },
  {
    method: "GET",
    path: `${path}/:region/runs`,
    scope: "admin",
    operation: "list the retrains of a region",
    contract: { replies: { 200: json(regionRunsSchema) } },
    handle: listRuns,
  },
  {
    method: "GET",
    path: `${path}/:region/sums`,
    scope: "publish",
    operation: "read the sums of a region",
    contract: {
      query: { backbone: { description: "The backbone they must be of: else 409", type: "string" } },
      replies: { 200: bytes() },
    },
    handle: getSums,
  },
  {
    method: "GET",
    path: `${path}/:region/suspects`,
    scope: "admin",
    operation: "find labels that may be wrong",
    contract: {
      query: {
        limit: {
          description: `The largest number of suspects: ${suspectsMax} unless given, and at most`,
          type: "integer",
        },
      },
      replies: { 200: json(suspectsSchema) },
    },
    handle: getSuspects,
  },
  {
    method: "POST",
    path: `${path}/:region/suspects/review`,
    scope: "admin",
    audit: "always",
    operation: "send labels that may be wrong to review",
    contract: {
      body: json(reviewSuspectsSchema),
      example: { ids: ["storefront~lagoon~0mwp7a1c"] },
      replies: { 200: json(sentSuspectsSchema) },
    },
    handle: postReviewSuspects,
  },
  {
    method: "POST",
    path: `${path}/:region/retrain`,
    scope: "admin",
    audit: "always",
    operation: "retrain a region",
    contract: {
      headers: preferWait,
      body: json(retrainSchema),
      example: {},
      replies: { 200: json(regionRunSchema), 202: json(regionRunSchema) },
    },
    handle: postRetrain,
  },
  {
    method: "DELETE",
    path: `${path}/:region`,
    scope: "admin",
    audit: "always",
    operation: "forget a region",
    contract: { replies: { 200: json(forgottenRegionSchema) } },
    handle: forgetRegion,
  },
];
