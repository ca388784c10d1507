import { bodyMaxBytes, type LabelResult, labelCountSchema, type Truths, truthsSchema } from "#core/contract/index.ts";
import { FaultError } from "#core/http/fault.ts";
import { readJson } from "#core/http/problem.ts";
import { parseId } from "#core/ids.ts";
import { checkRegion } from "#core/region.ts";
import type { Result } from "#core/result.ts";
import { traceHeaders } from "#core/trace-context.ts";
import type { LabelContext, LabelRefusal, NewLabel } from "#objects/region/api.ts";
import { regionObject } from "#objects/stubs.ts";
import { classifierOf } from "../artefacts/models.ts";
import { type Call, jsonResponse, modelOf, type Route, readerOf, requireRegion, requireScope } from "../call.ts";
import { json } from "../contract.ts";
import { isImage } from "../images/index.ts";
import { completeQuestions } from "../ladder/questions.ts";
import { baseFor, servedManifest, servedPointer } from "../ladder/version.ts";
import { imageDraft, imageQuery, images } from "./ask-body.ts";

interface Placed {
  index: number;
  region: string;
  lesson: NewLabel;
}

/** Labels in batches: of questions that were asked, or of history that comes with its questions. */
async function postTruths(call: Call): Promise<Response> {
  const model = modelOf(call);
  const { truths, at } = await readTruths(call, model);
  const teacher = teacherOf(call, at);
  const pointer = await servedPointer(call, model);
  const placed = await place(call, model, pointer.stable as number, truths);
  const taught = await Promise.all(
    [...Map.groupBy(placed, ({ region }) => region)].map(async ([region, group]) => {
      const base = baseFor(pointer, region);
      const lessons = group.map(({ lesson }) => lesson);
      const result = await regionObject(call.env, model, region).recordTruths(base, lessons, teacher);
      return checkTaught(result, group.find(({ lesson }) => !result.ok && lesson.id === result.error.id)?.index ?? 0);
    }),
  );
  const all = taught.flat();
  return jsonResponse({ accepted: all.length, changed: all.filter(({ changed }) => changed).length });
}

// JSON, or an image with its label in the query.
async function readTruths(call: Call, model: string): Promise<Truths> {
  if (!isImage(call.request)) return readJson(call.request, truthsSchema, bodyMaxBytes);
  const label = call.query("label");
  if (label === null) {
    const error = { path: "label", expected: "the image's label in the query: ?label=…", received: "nothing" };
    throw new FaultError({ kind: "invalid", errors: [error] });
  }
  const manifest = await servedManifest(call, await servedPointer(call, model));
  return { truths: [{ label, question: await imageDraft(call, manifest) }] };
}

async function place(call: Call, model: string, version: number, truths: Truths["truths"]): Promise<Placed[]> {
  const manifest = await classifierOf(call, model, version);
  const drafts = truths.flatMap(({ id, question }) => (question ? [{ ...question, ...(id ? { id } : {}) }] : []));
  const questions = (await completeQuestions(call, manifest, drafts)).values();
  return truths.map(({ id, label, question }, index): Placed => {
    if (question) {
      const { id: whole, region, instance, at } = questions.next().value as NewLabel & { region: string };
      return { index, region, lesson: { id: whole, label, ...(instance ? { instance } : {}), ...(at ? { at } : {}) } };
    }
    const address = parseId(id ?? "");
    const isListed = address.ok && checkRegion(manifest.policy.regions, address.value.region).ok;
    if (!address.ok || !isListed || address.value.model !== model) {
      const expected = `the id of a question of '${model}', or a question with its instance`;
      throw new FaultError({ kind: "invalid", errors: [{ index, path: "id", expected, received: `'${id ?? ""}'` }] });
    }
    requireRegion(call, address.value.region);
    return { index, region: address.value.region, lesson: { id: id as string, label } };
  });
}

/** The caller as whoever says what is true, now or at the data time `at`. Throws the fault where that needs an admin. */
export function teacherOf(call: Call, at: number | undefined): LabelContext {
  if (at !== undefined) requireScope(call, "admin");
  const { traceparent } = traceHeaders(call.span);
  return { owner: readerOf(call), source: "truth", labelledAt: at ?? Date.now(), traceparent };
}

/** What was taught, or the fault that says why nothing was. */
export function checkTaught(result: Result<LabelResult[], LabelRefusal>, index: number): LabelResult[] {
  if (result.ok) return result.value;
  const { error } = result;
  switch (error.kind) {
    case "unknown-label": {
      const expected = "one of the model's labels";
      throw new FaultError({
        kind: "invalid",
        errors: [{ index, path: "label", expected, received: `'${error.label}'` }],
      });
    }
    case "no-instance": {
      const expected = "the instance with it: this question was not kept";
      throw new FaultError({ kind: "invalid", errors: [{ index, path: "instance", expected, received: "nothing" }] });
    }
    case "not-yours":
      throw new FaultError({
        kind: "not-found",
        what: `question '${error.id}' for this token`,
        next: "Teach with the token that asked.",
      });
  }
}

export const truthsRoutes: readonly Route[] = [
  {
    method: "POST",
    path: "/v1/models/:model/truths",
    scope: "teach",
    operation: "teach truths",
    contract: {
      query: { label: { description: "An image's label", type: "string" }, region: imageQuery.region },
      body: { ...json(truthsSchema), ...images },
      replies: { 200: json(labelCountSchema) },
    },
    handle: postTruths,
  },
];
