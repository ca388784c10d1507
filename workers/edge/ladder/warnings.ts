import type { Answer, ClassifyManifest, Question } from "#core/contract/index.ts";
import { describeColumns, ignoredFields } from "#core/input/index.ts";
import { extraColumnsOf } from "#core/rung/model-rung.ts";

/** The longest description of an input in an error. */
const describedMaxChars = 2_000;
const namedMax = 10;

/** Adds to an answer what its caller may want to correct. */
export function withWarnings(manifest: ClassifyManifest, answer: Answer, { instance }: Question): Answer {
  const ignored = ignoredFields(manifest.thin.input, instance, extraColumnsOf(manifest));
  if (ignored.length === 0) return answer;
  const rest = ignored.length > namedMax ? ` and ${ignored.length - namedMax} more` : "";
  const named = ignored.slice(0, namedMax).map((name) => `'${name}'`);
  return { ...answer, warnings: [`Ignored, since the model has no such columns: ${named.join(", ")}${rest}.`] };
}

/** Describes a model's columns, with an example, to the caller of an invalid question; undefined for other inputs. */
export function describeInput({ thin, examples }: ClassifyManifest): string | undefined {
  if (thin.input.kind !== "features") return undefined;
  const [example] = examples;
  const columns = `Columns: ${describeColumns(thin.input)}.`;
  const text = example === undefined ? columns : `${columns} Example: ${JSON.stringify({ instance: example })}`;
  return text.length > describedMaxChars ? `${text.slice(0, describedMaxChars)}…` : text;
}
