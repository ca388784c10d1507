import type * as z from "zod";
import type { ZodType } from "zod";
import { describe } from "../input/describe.ts";

type Issue = z.core.$ZodIssue;

/** One thing that is wrong with a value: where, what is allowed there, and what was received. */
export interface InvalidField {
  /** The question of a batch that it belongs to. */
  index?: number | undefined;
  /** Field names and indexes, joined by dots; empty for the whole value. */
  path: string;
  /** What is allowed: completes "x must be …". */
  expected: string;
  received: string;
  /** The whole sentence, where it is not "x must be …; received …". */
  message?: string | undefined;
}

const maxErrors = 20;

/** The index of a question that an error names: a question sent alone has none. */
export function indexIn(batch: { readonly length: number }, index: number): number | undefined {
  return batch.length === 1 ? undefined : index;
}

/** Says what is wrong with `value` by the issues that a schema found, in sentences of our own. */
export function invalidFields(issues: readonly Issue[], value: unknown, schema?: ZodType): InvalidField[] {
  return issues
    .flatMap((issue) => fieldsOf(issue, value, []))
    .slice(0, maxErrors)
    .map((field) => withAllowed(field, schema));
}

// An unknown field of the whole body: the fields that its schema has are the likely remedy.
function withAllowed(field: InvalidField, schema: ZodType | undefined): InvalidField {
  const { shape } = (schema ?? {}) as { shape?: Record<string, unknown> };
  if (!shape || field.message !== `${field.path} is not a known field.`) return field;
  return { ...field, message: `${field.path} is not a known field; allowed: ${Object.keys(shape).join(", ")}.` };
}

/** Checks a value by a schema: what is wrong, in sentences; empty where it fits. */
export function invalidFieldsOf(schema: ZodType, value: unknown): InvalidField[] {
  const result = schema.safeParse(value);
  return result.success ? [] : invalidFields(result.error.issues, value, schema);
}

/** The sentence of an invalid field: "share must be a number above 0 and below 1; received 5." */
export function sentenceOf({ index, path, expected, received, message }: InvalidField): string {
  if (message !== undefined) return message;
  const subject = subjectOf(index, path);
  if (received === "nothing")
    return path === "" ? `${subject} must be ${expected}.` : requiredSentence(subject, expected);
  return `${subject} must be ${expected}; received ${received.replace(/^(string|number|boolean) /, "")}.`;
}

function requiredSentence(subject: string, expected: string): string {
  return expected === "" ? `${subject} is required.` : `${subject} is required: ${expected}.`;
}

function subjectOf(index: number | undefined, path: string): string {
  if (index === undefined) return path === "" ? "The body" : path;
  return path === "" ? `question ${index}` : `question ${index}, ${path}`;
}

function fieldsOf(issue: Issue, root: unknown, base: readonly PropertyKey[]): InvalidField[] {
  const keys = [...base, ...issue.path];
  const value = keys.reduce<unknown>((inner, key) => (inner as Record<PropertyKey, unknown> | null)?.[key], root);
  const path = keys.map(String).join(".");
  const field = (expected: string): InvalidField[] => [{ path, expected, received: describe(value) }];
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => {
        const whole = [...keys.map(String), key].join(".");
        const inner = (value as Record<string, unknown> | undefined)?.[key];
        const message = `${whole} is not a known field${path === "" ? "" : ` of ${path}`}.`;
        return { path: whole, expected: "absent", received: describe(inner), message };
      });
    case "invalid_union":
      return fieldsOfUnion(issue, root, keys, field);
    case "invalid_key":
    case "invalid_element": {
      const [first] = issue.issues;
      return field(
        `valid in each ${issue.code === "invalid_key" ? "key" : "element"}${first ? ` (${allowed(first)})` : ""}`,
      );
    }
    case "custom":
      return [
        { path, expected: issue.message, received: describe(value), message: customSentence(path, issue.message) },
      ];
    default:
      return field(allowed(issue));
  }
}

// The alternative that the value comes closest to says most: the one with the fewest issues, the deepest first.
function fieldsOfUnion(
  issue: Extract<Issue, { code: "invalid_union" }>,
  root: unknown,
  keys: readonly PropertyKey[],
  field: (expected: string) => InvalidField[],
): InvalidField[] {
  const alternatives = issue.errors.filter((one) => one.length > 0);
  if (alternatives.length === 0)
    return field(issue.discriminator ? "one of the known kinds" : "one of the allowed forms");
  const isOutside = (one: readonly Issue[]) =>
    one.every(({ path, code }) => path.length === 0 && code === "invalid_type");
  const inside = alternatives.filter((one) => !isOutside(one));
  if (inside.length === 0) {
    return field([...new Set(alternatives.flat().map(allowed))].join(" or "));
  }
  const [closest = []] = [...inside].sort((a, b) => a.length - b.length);
  return closest.flatMap((one) => fieldsOf(one, root, keys));
}

// A refinement's own message is a whole sentence, or completes "must be".
function customSentence(path: string, message: string): string {
  return message.endsWith(".") ? message : `${subjectOf(undefined, path)} must be ${message}.`;
}

const typeNames: Record<string, string> = {
  string: "a string",
  number: "a number",
  int: "an integer",
  boolean: "true or false",
  array: "an array",
  object: "an object",
  record: "an object",
  null: "null",
  undefined: "absent",
  date: "a date",
  nan: "NaN",
};

/** What an issue allows; completes "must be …". */
function allowed(issue: Issue): string {
  // A message of our own schemas completes "must be …"; the library's messages are not shown.
  if (!/^(Invalid|Too |Unrecognized)/.test(issue.message)) return issue.message;
  switch (issue.code) {
    case "invalid_type":
      return typeNames[issue.expected] ?? `a value of type ${issue.expected}`;
    case "too_big":
      return bounded(issue.origin, `${issue.inclusive === false ? "below" : "at most"} ${issue.maximum}`);
    case "too_small":
      if (issue.minimum === 0 && issue.inclusive === false)
        return `a positive ${issue.origin === "int" ? "integer" : "number"}`;
      if (issue.origin === "string" && Number(issue.minimum) === 1) return "a string that is not empty";
      return bounded(issue.origin, `${issue.inclusive === false ? "above" : "at least"} ${issue.minimum}`);
    case "invalid_format":
      return formatOf(issue);
    case "not_multiple_of":
      return issue.divisor === 1 ? "an integer" : `a multiple of ${issue.divisor}`;
    case "invalid_value": {
      const values = issue.values.map((one) => (typeof one === "string" ? `"${one}"` : String(one)));
      return values.length === 1 ? (values[0] as string) : `one of ${values.join(", ")}`;
    }
    case "unrecognized_keys":
      return `without the field ${issue.keys.join(", ")}`;
    default:
      return "one of the allowed forms";
  }
}

function bounded(origin: string, bound: string): string {
  switch (origin) {
    case "string":
      return `a string of ${bound} characters`;
    case "array":
    case "set":
      return `an array of ${bound} elements`;
    case "map":
    case "object":
      return `an object of ${bound} fields`;
    case "int":
      return `an integer ${bound === "at least 0" ? "of 0 or more" : `of ${bound}`}`;
    default:
      return `a number ${/^at /.test(bound) ? `of ${bound}` : bound}`;
  }
}

const formats: Record<string, string> = {
  date: "a date like 2026-01-31",
  datetime: "a date and time like 2026-01-31T12:00:00Z",
  url: "a URL",
  email: "an email address",
  base64: "base64",
  uuid: "a UUID",
};

function formatOf({ format, pattern }: Extract<Issue, { code: "invalid_format" }>): string {
  return formats[format] ?? (pattern ? `a string that matches ${pattern}` : `a valid ${format}`);
}
