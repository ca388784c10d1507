import {
  passes,
  type QuestionFilter,
  type QuestionPage,
  questionPageMax,
  questionPageSchema,
  questionPageSize,
  rungs,
} from "#core/contract/index.ts";
import { regionObject, registryObject } from "#objects/stubs.ts";
import { type Call, jsonResponse, limitedRegions, modelOf, type Route } from "../call.ts";
import { json, type ParameterMap } from "../contract.ts";
import { servedPointer } from "../ladder/version.ts";
import { choiceQuery, invalidQuery, wholeQuery } from "../query.ts";
import { knownRegion } from "./regions.ts";

/** Lists the stored questions of a region, or the newest ones of all regions as they reported them. */
async function listQuestions(call: Call): Promise<Response> {
  const filter = filterOf(call);
  const limit = Math.max(1, wholeQuery(call, "limit", questionPageSize, questionPageMax));
  const region = call.query("region");
  const before = call.query("before") === null ? null : wholeQuery(call, "before", 0, Number.MAX_SAFE_INTEGER);
  if (region !== null) {
    const known = await knownRegion({ ...call, params: { ...call.params, region } });
    return jsonResponse(await regionObject(call.env, known.model, region).questionPage(filter, before, limit));
  }
  if (before !== null)
    throw invalidQuery("before", "the parameter region with it: a list over all regions is one page", String(before));
  const model = modelOf(call);
  await servedPointer(call, model);
  const recent = await registryObject(call.env, model).recentQuestions(limitedRegions(call));
  const questions = recent.filter((question) => passes(question, filter)).slice(0, limit);
  return jsonResponse({ questions, next: null } satisfies QuestionPage);
}

function filterOf(call: Call): QuestionFilter {
  const given = <T>(name: string, value: T | null) => (value === null ? {} : { [name]: value });
  const truth = (name: "wrong" | "open" | "warned") => {
    const value = choiceQuery(call, name, ["true", "false"]);
    return given(name, value && value === "true");
  };
  const number = (
    name: "from" | "to" | "since" | "until",
    read: (value: string) => number | null,
    expected: string,
  ) => {
    const value = call.query(name);
    if (value === null) return {};
    const found = read(value);
    if (found === null) throw invalidQuery(name, expected, value);
    return { [name]: found };
  };
  const [share, time] = ["a number from 0 to 1", "ms since 1970, or an ISO date"];
  return {
    ...given("rung", choiceQuery(call, "rung", rungs)),
    ...given("label", call.query("label")),
    ...truth("wrong"),
    ...truth("open"),
    ...truth("warned"),
    ...number("from", shareOf, share),
    ...number("to", shareOf, share),
    ...number("since", timeOf, time),
    ...number("until", timeOf, time),
  };
}

function shareOf(value: string): number | null {
  const share = value.trim() === "" ? Number.NaN : Number(value);
  return share >= 0 && share <= 1 ? share : null;
}

/** Reads ms since 1970, or an ISO date. */
function timeOf(value: string): number | null {
  const at = /^\d+$/.test(value) ? Number(value) : Date.parse(value);
  return Number.isNaN(at) ? null : at;
}

const query: ParameterMap = {
  region: {
    description: "The region whose stored questions are listed; the newest of all regions unless given",
    type: "string",
  },
  rung: { description: "Only answers of this rung", type: "string", values: rungs },
  label: { description: "Only answers with this label", type: "string" },
  from: { description: "The least confidence", type: "string" },
  to: { description: "The largest confidence", type: "string" },
  wrong: { description: "Whether the lower rung's prediction turned out to be wrong", type: "boolean" },
  open: { description: "Whether it waits for an answer", type: "boolean" },
  warned: { description: "Whether its caller got a warning", type: "boolean" },
  since: { description: "Data time from which on: ms since 1970, or an ISO date", type: "string" },
  until: { description: "Data time before which: ms since 1970, or an ISO date", type: "string" },
  before: {
    description: "Of a region: the row before which the page starts, `next` of the page before",
    type: "integer",
  },
  limit: {
    description: `The largest number of questions: ${questionPageSize} unless given, ${questionPageMax} at most`,
    type: "integer",
  },
};

export const questionListRoutes: readonly Route[] = [
  {
    method: "GET",
    path: "/v1/models/:model/questions",
    scope: "admin",
    operation: "list stored questions",
    contract: { query, replies: { 200: json(questionPageSchema) } },
    handle: listQuestions,
  },
];
