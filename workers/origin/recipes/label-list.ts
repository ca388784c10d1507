import { type ExternalRung, type TrainableDocument, trainableRecipeSchema } from "#core/contract/index.ts";
import { labelsMaxOf } from "#core/rung/external/ladder.ts";

/** Labels by name, in order, with descriptions where there are any. */
export type LabelList = readonly { name: string; description: string | null }[];

const formOf = 'Write {"refund": "The customer wants money back", …}, or a list of names.';
const nameMaxChars = 256;
const descriptionMaxChars = 2_000;

/** Reads labels.json: names with descriptions, or a list of names. Throws an error that says what to correct. */
export function parseLabelList(path: string, text: string): LabelList {
  const fail = (fault: string) => new Error(`${path}: ${fault}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new Error(`${path} is not valid JSON: ${cause instanceof Error ? cause.message : cause}. ${formOf}`, {
      cause,
    });
  }
  if (typeof value !== "object" || value === null)
    throw fail(`expected labels, received ${JSON.stringify(value)}. ${formOf}`);
  // An object would keep the last of two equal names, and put numbers first.
  const described = value as Record<string, unknown>;
  const given: [unknown, unknown][] = Array.isArray(value)
    ? value.map((name) => [name, null])
    : keysIn(text, described).map((name) => [name, described[name]]);
  const seen = new Map<string, string>();
  const labels = given.map(([name, description]) => {
    if (typeof name !== "string") throw fail(`expected names of labels, received ${JSON.stringify(name)}. ${formOf}`);
    if (name.trim() !== name || name === "" || name.length > nameMaxChars) {
      throw fail(`'${name}' must have 1 to ${nameMaxChars} characters, without spaces around them. Correct the name.`);
    }
    if (description !== null && typeof description !== "string") {
      throw fail(
        `the description of '${name}' must be a text or null, received ${JSON.stringify(description)}. Correct it.`,
      );
    }
    if (description !== null && description.length > descriptionMaxChars) {
      throw fail(
        `the description of '${name}' has ${description.length} characters; ${descriptionMaxChars} at most. Shorten it.`,
      );
    }
    const normal = name.normalize("NFKC").replace(/\s+/g, " ").toLowerCase();
    const before = seen.get(normal);
    if (before !== undefined) throw fail(`'${before}' and '${name}' are the same label. Remove one.`);
    seen.set(normal, name);
    return { name, description: description === "" ? null : description };
  });
  if (labels.length < 2) {
    throw fail(
      `${labels.length === 0 ? "there are no labels" : "there is one label"}; two or more are needed. ${formOf}`,
    );
  }
  return labels;
}

/** Lists the keys of a flat object as they are written. Nested values are refused by their types. */
function keysIn(text: string, value: Record<string, unknown>): string[] {
  if (Object.values(value).some((one) => typeof one === "object" && one !== null)) return Object.keys(value);
  const strings = [...text.matchAll(/("(?:[^"\\]|\\.)*")\s*(:?)/g)];
  return strings.filter(([, , colon]) => colon === ":").map(([, key = ""]) => JSON.parse(key) as string);
}

/** The decision model that a new recipe without rows asks; the local decision server stands in where its key is missing. */
const decisions = {
  ...{ name: "decisions", kind: "system-one", url: "https://api.typesafe.ai", model: "jev-latest" },
  ...{ key: "RUNG_KEY_DECISIONS", minLabels: 0 },
} satisfies ExternalRung;

/** Makes a recipe of labels alone: a decision model answers first, and its answers train the edge. */
export function recipeOfLabels(name: string, labels: LabelList): TrainableDocument {
  const most = labelsMaxOf(decisions);
  if (labels.length > most) {
    throw new Error(
      `There are ${labels.length} labels; a decision model takes ${most} at most. Leave some out, or join them into fewer.`,
    );
  }
  const described = labels.flatMap(({ name: label, description }) =>
    description === null ? [] : [[label, description]],
  );
  return trainableRecipeSchema.parse({
    name,
    source: { samples: "regions" },
    label: { column: "label", values: labels.map((label) => label.name) },
    input: { kind: "text", name: "text" },
    risk: { target: 0.05, confidence: 0.95 },
    rungs: [
      ...["edge", "region"],
      { ...decisions, ...(described.length > 0 ? { labels: Object.fromEntries(described) } : {}) },
      "human",
    ],
    policy: { auditShare: 0.03 },
  });
}
