import * as z from "zod";
import { regionSchema, type SampleLine, samplesPageMaxRows } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { mayUseRegion } from "#core/tokens.ts";
import { type ChangedSample, wholeRegion } from "#objects/region/api.ts";
import { regionObject, registryObject } from "#objects/stubs.ts";
import { type Call, modelOf, type Route } from "../call.ts";
import { bytes } from "../contract.ts";
import { servedPointer } from "../ladder/version.ts";

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
      const [read, epoch] = [cursor[region] ?? 0].flat() as [number, string?];
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

// Leaves out the owner of a question and fields that are internal to the region.
function lineOf(region: string, sample: ChangedSample): SampleLine {
  const { id, revision, instance, label, source, split, groupKey, inclusionProbability, at, labelledAt, above } =
    sample;
  const line = { region, id, revision, instance, label, source, split, groupKey, inclusionProbability, at, labelledAt };
  return above ? { ...line, above } : line;
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
];
