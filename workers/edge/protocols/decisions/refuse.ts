import type { Problem } from "#core/contract/index.ts";
import { retryAfterOf } from "#core/http/problem.ts";

type Refuse = (problem: Problem, more?: RefusalOptions) => Response;

/** What a refusal says beyond its problem. */
interface RefusalOptions {
  /** The code of OpenAI's error; by the status unless given. */
  code?: string;
  headers?: Record<string, string>;
}

const systemOneTypes: Readonly<Record<number, string>> = {
  401: "authentication_error",
  403: "permission_error",
  404: "not_found_error",
  413: "request_too_large",
  429: "rate_limit_error",
  503: "overloaded_error",
};

/** Writes a problem in the form of System One: the fields of a failed validation, or one reason. */
export const refuseSystemOne: Refuse = (problem, { headers = {} } = {}) => {
  const { status, errors } = problem;
  const detail =
    status === 422 && errors
      ? errors.map(({ path, message }) => {
          const loc = ["body", ...(path === "" ? [] : path.split("."))];
          return { loc, msg: message ?? problem.detail, type: "value_error" };
        })
      : {
          error_type: systemOneTypes[status] ?? (status < 500 ? "invalid_request_error" : "api_error"),
          message: textOf(problem),
        };
  return Response.json({ detail }, { status, headers: { ...headersOf(problem), ...headers } });
};

const openAiCodes: Readonly<Record<number, string>> = {
  401: "invalid_api_key",
  404: "model_not_found",
  413: "request_too_large",
  429: "rate_limit_exceeded",
};

/** Writes a problem in OpenAI's form. A failed validation is 400 there. */
export const refuseDecisions: Refuse = (problem, { code, headers = {} } = {}) => {
  const { status, errors } = problem;
  const type = status >= 500 ? "server_error" : status === 429 ? "rate_limit_error" : "invalid_request_error";
  const error = {
    message: textOf(problem),
    type,
    param: errors?.[0]?.path || null,
    code: code ?? openAiCodes[status] ?? null,
  };
  const own = status === 422 ? 400 : status;
  return Response.json({ error }, { status: own, headers: { ...headersOf(problem), ...headers } });
};

function textOf({ detail, next, errors }: Problem): string {
  return errors ? `${detail} Nothing was stored.` : `${detail} ${next}`;
}

function headersOf(problem: Problem): Record<string, string> {
  if (problem.status === 401) return { "www-authenticate": 'Bearer realm="upriver"' };
  const after = retryAfterOf(problem);
  return after === null ? {} : { "retry-after": String(after) };
}
