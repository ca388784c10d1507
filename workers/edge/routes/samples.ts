import * as z from "zod";
import {
  type ForgottenOwner,
  forgottenOwnerSchema,
  regionSchema,
  type SampleLine,
  samplesPageMaxRows,
} from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { own } from "#core/own.ts";
import { mayUseRegion } from "#core/tokens.ts";
import { type ChangedSample, wholeRegion } from "#objects/region/api.ts";
import { regionObject, registryObject } from "#objects/stubs.ts";
import { learnHead } from "../artefacts/pointers.ts";
import { type Call, jsonResponse, modelOf, type Route, requireRegion } from "../call.ts";
import { bytes, json } from "../contract.ts";
import { baseFor, servedPointer } from "../ladder/version.ts";

const revisionSchema = z.int().nonnegative();
/**
 * Region → the revision up to which its samples have been read, with the epoch of the object that counts it; alone in a
 * cursor of an earlier release.
 */
const cursorSchema = z.record(regionSchema, z.union([revisionSchema, z.tuple([revisionSchema, z.string()])]));
type Cursor = z.infer<typeof cursorSchema>;

/**
 * Reads the labelled and forgotten samples of all regions that changed after `since`, as NDJSON. The last line is the
 * cursor of the next page; `more` says whether there is one already.
 */
async function getSamples(call: Call): Promise<Response> {
  const model = modelOf(call);
  await servedPointer(call, model);
  const cursor = parseCursor(call.query("since"));
  const known = await registryObject(call.env, model).regionsEver();
  const regions = known.filter((region) => !call.token || mayUseRegion(call.token, region));
  const lines: SampleLine[] = [];
  let more = false;
  for (const region of regions) {
    let isLast = false;
    while (!isLast && lines.length < samplesPageMaxRows) {
      const [read, epoch] = [own(cursor, region) ?? 0].flat() as [number, string?];
      const page = await regionObject(call.env, model, region).samplesSince(read, epoch);
      const counted = page.epoch === undefined ? {} : { epoch: page.epoch };
      for (const sample of page.samples) lines.push({ ...lineOf(region, sample), ...counted });
      for (const { id, revision } of page.forgotten) {
        lines.push(
          id === wholeRegion
            ? { region, revision, forgotten: "region", ...counted }
            : { region, id, revision, forgotten: true, ...counted },
        );
      }
      cursor[region] = page.epoch === undefined ? page.revision : [page.revision, page.epoch];
      isLast = page.isLast;
    }
    more ||= !isLast;
  }
  const last = { cursor: btoa(encodeURIComponent(JSON.stringify(cursor))), more };
  const body = [...lines, last].map((line) => `${JSON.stringify(line)}\n`).join("");
  return new Response(body, { headers: { "content-type": "application/x-ndjson" } });
}

// Leaves out fields that are internal to the region.
function lineOf(region: string, sample: ChangedSample): SampleLine {
  const { id, revision, instance, label, source, split, groupKey, inclusionProbability, at, labelledAt, above } =
    sample;
  const { owner, labelledBy, trusted } = sample;
  const line = { region, id, revision, instance, label, source, split, groupKey, inclusionProbability, at, labelledAt };
  return {
    ...{ ...line, owner, labelledBy },
    ...(trusted === false ? { trusted } : {}),
    ...(above ? { above } : {}),
  };
}

/** Forgets every sample that a token owns or has labelled: in one region, or in all that the caller may use. */
async function forgetOwner(call: Call): Promise<Response> {
  const model = modelOf(call);
  const pointer = await servedPointer(call, model);
  const owners = call.queries("owner").filter((owner) => owner !== "");
  if (owners.length === 0) {
    const expected = "the id of a token whose samples are to be forgotten";
    throw new FaultError({ kind: "invalid", errors: [{ path: "owner", expected, received: "nothing" }] });
  }
  call.noted.target = owners.join(", ");
  call.noted.region = call.query("region");
  const regions = [];
  for (const region of await regionsOf(call, model)) {
    let samples = 0;
    let retrains = false;
    for (const owner of owners) {
      const forgotten = await regionObject(call.env, model, region).forgetOwner(owner);
      samples += forgotten.samples;
      retrains ||= forgotten.bases.length > 0;
    }
    if (samples > 0) regions.push({ region, samples, retrains });
    const base = baseFor(pointer, region);
    // This isolate may still hold the head.
    if (retrains) learnHead(call, model, base, region, await registryObject(call.env, model).headPointer(base, region));
  }
  const forgotten = regions.reduce((sum, { samples }) => sum + samples, 0);
  return jsonResponse({ model, owners, forgotten, regions } satisfies ForgottenOwner);
}

async function regionsOf(call: Call, model: string): Promise<string[]> {
  const known = await registryObject(call.env, model).regionsEver();
  const region = call.query("region");
  if (region === null) return known.filter((one) => !call.token || mayUseRegion(call.token, one));
  requireRegion(call, region);
  if (known.includes(region)) return [region];
  const next = "GET /v1/models/{model}/regions lists the regions that have samples.";
  throw new FaultError({ kind: "not-found", what: `region '${region}' with samples in model '${model}'`, next });
}

function parseCursor(since: string | null): Cursor {
  if (since === null) return {};
  try {
    return cursorSchema.parse(JSON.parse(decodeURIComponent(atob(since))));
  } catch {
    const error = {
      path: "since",
      expected: "the cursor of the previous page's last line",
      received: "another string",
    };
    throw new FaultError({ kind: "invalid", errors: [error] });
  }
}

export const samplesRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/models/:model/samples",
    scope: "publish",
    operation: "read samples",
    contract: {
      query: { since: { description: "The cursor of the previous page's last line", type: "string" } },
      replies: { 200: bytes("application/x-ndjson") },
    },
    handle: getSamples,
  },
  {
    method: "DELETE",
    path: "/v1/models/:model/samples",
    scope: "admin",
    audit: "always",
    operation: "forget the samples of a token",
    contract: {
      query: {
        owner: { description: "The id of a token that asked or labelled; may be repeated", type: "string" },
        region: { description: "Only this region; unless given, all", type: "string" },
      },
      replies: { 200: json(forgottenOwnerSchema) },
    },
    handle: forgetOwner,
  },
];
