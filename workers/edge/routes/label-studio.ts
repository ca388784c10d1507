import { type LabelStudioImported, labelStudioImportedSchema, labelStudioTasksSchema } from "#core/contract/index.ts";
import { FaultError, problemOf } from "#core/http/fault.ts";
import { readJson } from "#core/http/problem.ts";
import { refuseRepeated } from "#core/http/repeated.ts";
import { reviewMaxQuestions } from "#objects/review/api.ts";
import { type Call, jsonResponse, modelOf, type Route } from "../call.ts";
import { bytes, json } from "../contract.ts";
import { labelOf } from "../protocols/label-studio/annotations.ts";
import { labellingConfig } from "../protocols/label-studio/config.ts";
import { labelStudioExportSchema } from "../protocols/label-studio/schema.ts";
import { taskOf } from "../protocols/label-studio/tasks.ts";
import { addressOf, unknownQuestion } from "./questions.ts";
import { leaseQuestions, reviewedManifest, reviewLimit } from "./review.ts";
import { answerAs, reviewer } from "./review-questions.ts";

/** Length of a lease for questions that go to another tool's queue. */
const exportLeaseMs = 24 * 3600_000;
/** Large, since an export contains the images. */
export const labelStudioMaxBytes = 16 * 1024 * 1024;

async function getTasks(call: Call): Promise<Response> {
  const manifest = await reviewedManifest(call);
  const questions = await leaseQuestions(call, exportLeaseMs, reviewMaxQuestions);
  return jsonResponse(questions.map((question) => taskOf(question, manifest.thin.input, manifest)));
}

async function getConfig(call: Call): Promise<Response> {
  const manifest = await reviewedManifest(call);
  const headers = { "content-type": "application/xml; charset=utf-8" };
  return new Response(labellingConfig(manifest.thin.input, manifest), { headers });
}

/** Answers the annotated questions one by one. A refused one does not stop the others. */
async function postExport(call: Call): Promise<Response> {
  await reviewedManifest(call);
  const tasks = await readJson(call.request, labelStudioExportSchema, labelStudioMaxBytes);
  refuseRepeated(
    tasks.map(({ data }) => data.upriver_id),
    "data.upriver_id",
  );
  const imported: LabelStudioImported = { accepted: 0, skipped: 0, refused: [] };
  for (const task of tasks) {
    const id = task.data.upriver_id;
    const label = labelOf(task);
    if (!label.ok) imported.refused.push({ id, reason: label.error });
    else if (label.value === null) imported.skipped++;
    else {
      const reason = await answer(call, id, label.value);
      if (reason === null) imported.accepted++;
      else imported.refused.push({ id, reason });
    }
  }
  return jsonResponse(imported);
}

/** Answers a question of the path's model. Returns the reason if the answer is refused. */
async function answer(call: Call, id: string, label: string): Promise<string | null> {
  try {
    const address = await addressOf(call, id);
    if (address.model !== modelOf(call)) throw unknownQuestion(id);
    await answerAs(call, address, label);
    return null;
  } catch (error) {
    if (!(error instanceof FaultError)) throw error;
    return problemOf(error.fault, "answer a question").detail;
  }
}

const path = "/v1/models/:model/review/label-studio";

/** Routes for review in Label Studio: questions become its tasks, and its annotations become answers. */
export const labelStudioRoutes: readonly Route[] = [
  {
    method: "GET",
    path,
    scope: "review",
    operation: "export to Label Studio",
    contract: { query: reviewLimit, headers: reviewer, replies: { 200: json(labelStudioTasksSchema) } },
    handle: getTasks,
  },
  {
    method: "GET",
    path: `${path}/config`,
    scope: "review",
    operation: "configure Label Studio",
    contract: { replies: { 200: bytes("application/xml") } },
    handle: getConfig,
  },
  {
    method: "POST",
    path,
    scope: "review",
    audit: "admin",
    operation: "import from Label Studio",
    contract: {
      headers: reviewer,
      body: json(labelStudioExportSchema),
      replies: { 200: json(labelStudioImportedSchema) },
    },
    handle: postExport,
  },
];
