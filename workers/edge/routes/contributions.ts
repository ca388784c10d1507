import { fromBase64, toBase64 } from "#core/bytes.ts";
import {
  type ClassifyManifest,
  contributedSchema,
  contributionBodyMaxBytes,
  contributionIdSchema,
  contributionMaxBytes,
  contributionMinLabels,
  type NewContribution,
  newContributionSchema,
  openSumsSchema,
} from "#core/contract/index.ts";
import { placeClasses, sharesOf, sumsFault } from "#core/head/contribution.ts";
import { decodeSums, emptySums, type Sums } from "#core/head/sums.ts";
import { FaultError } from "#core/http/fault.ts";
import { readJson } from "#core/http/problem.ts";
import { limitsOf } from "#core/limits/limits.ts";
import { isTrusted } from "#core/tokens.ts";
import type { CheckedContribution, ContributionRefusal } from "#objects/region/api.ts";
import { regionObject } from "#objects/stubs.ts";
import { classifierOf } from "../artefacts/models.ts";
import { type Call, jsonResponse, ownerOf, type Route, requireScope } from "../call.ts";
import { json } from "../contract.ts";
import { reached } from "../limits.ts";
import { knownRegion } from "./regions.ts";

/** Stores exact sums of a place that shares no instances, in place of those that it sent before under the same id. */
async function putContribution(call: Call): Promise<Response> {
  const { model, region, base } = await knownRegion(call);
  const id = idOf(call);
  const manifest = await classifierOf(call, model, base);
  const given = await readJson(call.request, newContributionSchema, contributionBodyMaxBytes);
  requireBackbone(manifest, given.backbone);
  const checked = checkedContribution(call, manifest, given);
  const stored = await regionObject(call.env, model, region).contribute(base, ownerOf(call), id, checked);
  if (!stored.ok) throw refusalFault(call, stored.error, given);
  return jsonResponse(stored.value, stored.value.changed ? 201 : 200);
}

/** Withdraws a contribution: the region's sums are as if it had never been sent. */
async function deleteContribution(call: Call): Promise<Response> {
  const { model, region, base } = await knownRegion(call);
  const id = idOf(call);
  const owner = call.query("owner") ?? ownerOf(call);
  if (owner !== ownerOf(call)) requireScope(call, "admin");
  call.noted.target = `contribution '${id}' of ${owner}`;
  const withdrawn = await regionObject(call.env, model, region).withdraw(base, owner, id);
  if (!withdrawn) {
    const next = `GET /v1/models/{model}/regions/{region} lists the contributions; an admin names their token as ?owner=`;
    throw new FaultError({ kind: "not-found", what: `contribution '${id}' of '${owner}' in region '${region}'`, next });
  }
  return jsonResponse(withdrawn);
}

/** Reads what contributions have taught a region with open labels. */
async function getOpenSums(call: Call): Promise<Response> {
  const { model, region, base } = await knownRegion(call);
  const { policy } = await classifierOf(call, model, base);
  if (policy.labels !== "open") {
    throw new FaultError({
      kind: "conflict",
      expected: "a version whose policy says labels: open",
      received: `version ${base}, whose labels are listed`,
      next: 'Use the region\'s head, which has learned from contributions. A recipe opens labels by "policy": {"labels": "open"}.',
    });
  }
  const { sums, ...open } = await regionObject(call.env, model, region).openSums(base);
  return jsonResponse({ ...open, sums: toBase64(new Uint8Array(sums)) });
}

function idOf({ params }: Call): string {
  const id = contributionIdSchema.safeParse(params.contribution);
  if (id.success) return id.data;
  const expected = id.error.issues[0]?.message ?? "an id";
  throw invalid("contribution", expected, `'${params.contribution?.slice(0, 200)}'`);
}

function requireBackbone({ thin, version }: ClassifyManifest, backbone: string): void {
  if (thin.backbone.sha256 === backbone) return;
  throw new FaultError({
    kind: "conflict",
    expected: `sums over embeddings of backbone ${thin.backbone.sha256}, which version ${version} runs here`,
    received: `backbone ${backbone}`,
    next: "Take the version that serves the region, embed its samples by 'thin' of its manifest, and send the sums of those.",
  });
}

/** Checks the sums, and puts their classes in the order of the model's labels, followed by those that it does not have. */
function checkedContribution(
  call: Call,
  { thin, labels, number, policy }: ClassifyManifest,
  { labels: given, revision, backbone, sums: text }: NewContribution,
): CheckedContribution {
  const repeated = given.findIndex((label, i) => given.indexOf(label) !== i);
  if (repeated >= 0) throw invalid(`labels/${repeated}`, "each label once", `'${given[repeated]}' again`);
  const openLabels = given.filter((label) => !labels.includes(label));
  const [unknown] = openLabels;
  if (unknown !== undefined && (number || policy.labels !== "open")) {
    const expected = `one of the model's labels, unless its recipe says labels: open`;
    throw invalid(`labels/${given.indexOf(unknown)}`, expected, `'${unknown}'`);
  }
  const { width } = thin.head;
  const sums = decoded(width, given.length, fromBase64(text));
  const maxLabels = limitsOf(call.token)?.contributionLabels ?? Number.POSITIVE_INFINITY;
  const fault = sumsFault(sums, {
    shares: sharesOf(number !== undefined),
    minLabels: contributionMinLabels,
    maxLabels,
  });
  if (fault) throw invalid("sums", fault.expected, fault.received);
  const all = [...labels, ...openLabels];
  const places = given.map((label) => all.indexOf(label));
  const placed = placeClasses(sums, places, all.length).values.buffer as ArrayBuffer;
  const trusted = call.token === null || isTrusted(call.token);
  return { ...{ revision, backbone, width, openLabels, trusted }, classes: all.length, sums: placed };
}

function decoded(width: number, classes: number, bytes: Uint8Array<ArrayBuffer>): Sums {
  const expected = emptySums(width, classes).values.byteLength;
  if (bytes.byteLength > contributionMaxBytes) {
    throw invalid("sums", `at most ${contributionMaxBytes} bytes`, `${bytes.byteLength}`);
  }
  if (bytes.byteLength === expected) return decodeSums(width, classes, bytes.buffer);
  throw invalid("sums", `${expected} bytes, for ${width} values and ${classes} labels`, `${bytes.byteLength}`);
}

function refusalFault(call: Call, refusal: ContributionRefusal, { revision }: NewContribution): FaultError {
  switch (refusal.kind) {
    case "stale":
      return new FaultError({
        kind: "conflict",
        expected: `a revision above ${refusal.revision}, which was stored or withdrawn under this id`,
        received: `${revision}`,
        next: `Send the present sums with a revision above ${refusal.revision}.`,
      });
    case "labels-full":
      return new FaultError({
        kind: "conflict",
        expected: `at most ${refusal.max} labels that the model does not have, in a region`,
        received: "more",
        next: "Send fewer of them, or those that GET of the contributions lists, or withdraw contributions that have others.",
      });
    case "limited":
      return reached(call, refusal.limit);
  }
}

function invalid(path: string, expected: string, received: string): FaultError {
  return new FaultError({ kind: "invalid", errors: [{ path, expected, received }] });
}

const path = "/v1/models/:model/regions/:region/contributions";

export const contributionRoutes: readonly Route[] = [
  {
    method: "GET",
    path,
    scope: "ask",
    operation: "read the sums of a region with open labels",
    contract: { replies: { 200: json(openSumsSchema) } },
    handle: getOpenSums,
  },
  {
    method: "PUT",
    path: `${path}/:contribution`,
    scope: "contribute",
    audit: "admin",
    operation: "contribute sums",
    contract: {
      body: json(newContributionSchema),
      replies: { 200: json(contributedSchema), 201: json(contributedSchema) },
    },
    handle: putContribution,
  },
  {
    method: "DELETE",
    path: `${path}/:contribution`,
    scope: "contribute",
    audit: "admin",
    operation: "withdraw sums",
    contract: {
      query: { owner: { description: "The token that contributed, where an admin withdraws it", type: "string" } },
      replies: { 200: json(contributedSchema) },
    },
    handle: deleteContribution,
  },
];
