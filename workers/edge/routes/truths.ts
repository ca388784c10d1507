import { classifying } from "#core/artefacts.ts";
import type { UntrustedLimits } from "#core/confidence/trust.ts";
import {
  type ClassifyManifest,
  type LabelResult,
  labelCountSchema,
  type Truths,
  truthsSchema,
} from "#core/contract/index.ts";
import { type Fault, FaultError } from "#core/http/fault.ts";
import { indexIn } from "#core/http/issues.ts";
import { parseJson, refuseOtherTypes } from "#core/http/problem.ts";
import { refuseRepeated } from "#core/http/repeated.ts";
import { parseId } from "#core/ids.ts";
import type { Result } from "#core/result.ts";
import { taskOf } from "#core/task/index.ts";
import { traceHeaders } from "#core/trace-context.ts";
import type { LabelContext, LabelRefusal, NewLabel } from "#objects/region/api.ts";
import { regionObject } from "#objects/stubs.ts";
import {
  type Call,
  isTrustedCaller,
  jsonResponse,
  modelOf,
  ownerOf,
  type Route,
  readerOf,
  requireRegion,
  requireScope,
} from "../call.ts";
import { json } from "../contract.ts";
import { readBody } from "../images/index.ts";
import { completeQuestions } from "../ladder/questions.ts";
import { hasRegion } from "../ladder/regions.ts";
import { baseFor, type Resolved, resolveModel } from "../ladder/version.ts";
import { imageDraft, imageQuery, images } from "./ask-body.ts";

interface Placed {
  index: number | undefined;
  region: string;
  newLabel: NewLabel;
}

/** Records a batch of labels: for questions that were asked, or with the questions they belong to. */
async function postTruths(call: Call): Promise<Response> {
  const model = modelOf(call);
  const resolved = await resolveModel(call, model);
  const { truths, at, source = "truth" } = await readTruths(call, resolved);
  if (source === "human") requireScope(call, "rung");
  // Labels of people here have no limit; those of a token that is not trusted keep the limit of its truths.
  const context = { ...labelContextOf(call, at), source: isTrustedCaller(call) ? source : "truth" };
  const { pointer } = resolved;
  const manifest = classifying(resolved.manifest);
  const placed = await place(call, manifest, truths);
  const results = await Promise.all(
    [...Map.groupBy(placed, ({ region }) => region)].map(async ([region, group]) => {
      const base = baseFor(pointer, region);
      const newLabels = group.map(({ newLabel }) => newLabel);
      const result = await regionObject(call.env, model, region).recordTruths(base, newLabels, context);
      const refused = group.find(({ newLabel }) => !result.ok && newLabel.id === result.error.id);
      return recordedLabels(result, refused?.index, manifest);
    }),
  );
  const all = results.flat();
  return jsonResponse({ accepted: all.length, changed: all.filter(({ changed }) => changed).length });
}

// JSON, or an image with its label in the query.
async function readTruths(call: Call, { manifest }: Resolved): Promise<Truths> {
  refuseOtherTypes(call.request);
  const { isImage, bytes } = await readBody(call.request);
  if (!isImage) return parseJson(bytes, truthsSchema);
  const label = call.query("label");
  if (label === null) {
    const error = { path: "label", expected: "send the image's label in the query as ?label=…", received: "nothing" };
    throw new FaultError({ kind: "invalid", errors: [error] });
  }
  return { truths: [{ label, question: await imageDraft(call, bytes, manifest) }] };
}

async function place(call: Call, manifest: ClassifyManifest, truths: Truths["truths"]): Promise<Placed[]> {
  const { model } = manifest;
  const drafts = truths.flatMap(({ id, question }) => (question ? [{ ...question, ...(id ? { id } : {}) }] : []));
  const { questions } = await completeQuestions(call, manifest, drafts);
  const complete = questions.values();
  const placed: Placed[] = [];
  for (const [i, { id, label: given, question, owner, labelledBy }] of truths.entries()) {
    const index = indexIn(truths, i);
    if (owner || labelledBy) requireScope(call, "admin");
    const label = { label: String(given), ...(owner ? { owner } : {}), ...(labelledBy ? { labelledBy } : {}) };
    if (question) {
      const { id: whole, region, instance, at } = complete.next().value as NewLabel & { region: string };
      const newLabel = { id: whole, ...label, ...(instance ? { instance } : {}), ...(at ? { at } : {}) };
      placed.push({ index, region, newLabel });
      continue;
    }
    const address = parseId(id ?? "");
    if (address.ok) requireRegion(call, address.value.region);
    if (!address.ok || address.value.model !== model || !(await hasRegion(call, manifest, address.value.region))) {
      const expected = `the id of a question of model '${model}', or absent with the question's instance instead`;
      throw new FaultError({ kind: "invalid", errors: [{ index, path: "id", expected, received: `'${id ?? ""}'` }] });
    }
    placed.push({ index, region: address.value.region, newLabel: { id: id as string, ...label } });
  }
  refuseRepeated(placed.map(({ newLabel }) => newLabel.id));
  return placed;
}

/** The context of a caller's labels, known now or at the data time `at`. Throws the fault where `at` needs an admin. */
export function labelContextOf(call: Call, at: number | undefined): LabelContext {
  if (at !== undefined) requireScope(call, "admin");
  const { traceparent } = traceHeaders(call.span);
  const giver = { labelledBy: ownerOf(call), trusted: isTrustedCaller(call) };
  return { owner: readerOf(call), source: "truth", labelledAt: at ?? Date.now(), traceparent, ...giver };
}

/** Returns the recorded labels. Throws the fault for a refusal. */
export function recordedLabels(
  result: Result<LabelResult[], LabelRefusal>,
  index: number | undefined,
  manifest: ClassifyManifest,
): LabelResult[] {
  if (result.ok) return result.value;
  const { error } = result;
  switch (error.kind) {
    case "unknown-label": {
      const { expected } = taskOf(manifest);
      throw new FaultError({
        kind: "invalid",
        errors: [{ index, path: "label", expected, received: `'${error.label}'` }],
      });
    }
    case "no-instance": {
      const expected = "the question was not stored, so send its instance with the label";
      throw new FaultError({ kind: "invalid", errors: [{ index, path: "instance", expected, received: "nothing" }] });
    }
    case "not-yours":
      throw new FaultError({
        kind: "not-found",
        what: `question '${error.id}' for this token`,
        next: "Send the label with the token that asked the question.",
      });
    case "untrusted-limit":
      throw new FaultError(untrustedFault(error));
  }
}

const untrustedTitles: Record<keyof UntrustedLimits, string> = {
  inAll: "labels of tokens that are not trusted, in this region",
  ofOwner: "labels of this token, which is not trusted, in this region",
  perDay: "labels of tokens that are not trusted, in this region and day (UTC)",
  ofOwnerPerDay: "labels of this token, which is not trusted, in this region and day (UTC)",
};

const dayMs = 24 * 3600_000;

function untrustedFault({ limit, max, given }: Extract<LabelRefusal, { kind: "untrusted-limit" }>): Fault {
  const isOfDay = limit === "perDay" || limit === "ofOwnerPerDay";
  const left = Math.max(0, max - given);
  const more = isOfDay ? "the rest tomorrow" : "more once the region has more trusted labels";
  return {
    kind: "too-many-labels",
    limit: `${max} ${untrustedTitles[limit]}`,
    received: `more than the ${left} that are left`,
    retryAfterSeconds: Math.ceil((dayMs - (Date.now() % dayMs)) / 1_000),
    next: `Send ${left > 0 ? `${left} labels, and ${more}` : more}, or use a trusted token. Nothing was stored.`,
  };
}

export const truthsRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/models/:model/truths",
    scope: "teach",
    audit: "admin",
    operation: "store true labels",
    contract: {
      query: { label: { description: "For an image: its label", type: "string" }, region: imageQuery.region },
      body: { ...json(truthsSchema), ...images },
      example: { truths: [{ id: "storefront~lagoon~0f3c", label: "umbrella" }] },
      replies: { 200: json(labelCountSchema) },
    },
    handle: postTruths,
  },
];
