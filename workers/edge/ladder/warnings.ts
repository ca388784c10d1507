import type { Answer, ClassifyManifest, Instance, Question } from "#core/contract/index.ts";
import { describeColumns, ignoredFields } from "#core/input/index.ts";
import { extraColumnsOf } from "#core/rung/model-rung.ts";

/** The longest description of an input in an error. */
const describedMaxChars = 2_000;
const namedMax = 10;
const nameMaxChars = 100;

/** Adds to an answer what its caller may want to correct: that about its region, and the fields that were ignored. */
export function withWarnings(
  manifest: ClassifyManifest,
  answer: Answer,
  { instance }: Pick<Question, "instance">,
  region: string | null,
): Answer {
  const own = [...(region === null ? [] : [region]), ...ignoredText(manifest, instance)];
  const warnings = [...(answer.warnings ?? []), ...own];
  return warnings.length === 0 ? answer : { ...answer, warnings };
}

function ignoredText(manifest: ClassifyManifest, instance: Instance): string[] {
  const ignored = ignoredFields(manifest.thin.input, instance, extraColumnsOf(manifest));
  if (ignored.length === 0) return [];
  const rest = ignored.length > namedMax ? ` and ${ignored.length - namedMax} more` : "";
  const named = ignored.slice(0, namedMax).map((name) => `'${name.slice(0, nameMaxChars)}'`);
  return [`Ignored, since the model has no such columns: ${named.join(", ")}${rest}.`];
}

/** Describes a model's columns, with an example, to the caller of an invalid question; undefined for other inputs. */
export function describeInput({ thin, examples }: ClassifyManifest): string | undefined {
  if (thin.input.kind !== "features") return undefined;
  const [example] = examples;
  const columns = `Columns: ${describeColumns(thin.input)}.`;
  const text = example === undefined ? columns : `${columns} Example: ${JSON.stringify({ instance: example })}`;
  return text.length > describedMaxChars ? `${text.slice(0, describedMaxChars)}…` : text;
}
