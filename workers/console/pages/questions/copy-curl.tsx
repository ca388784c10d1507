import { useState } from "preact/hooks";
import type { QuestionWay } from "#client/index.ts";

/** A button that copies the question as a command. The token stays out of it. */
export function CopyCurl({ model, way }: { model: string; way: QuestionWay }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(curlOf(location.origin, model, way));
    setCopied(true);
    setTimeout(() => setCopied(false), 2_000);
  };
  return (
    <button type="button" onClick={copy}>
      <span aria-live="polite">{isCopied ? "Copied" : "Copy as curl"}</span>
    </button>
  );
}

/** Builds the command that asks a question again. */
export function curlOf(origin: string, model: string, { instance, answer, candidates }: QuestionWay): string {
  const isNamed = typeof instance === "object" && instance !== null && !Array.isArray(instance);
  const question = { instance, ...(isNamed ? {} : { region: answer.region }) };
  const body = JSON.stringify({ questions: [{ ...question, ...(candidates ? { candidates } : {}) }] });
  const quoted = body.replaceAll("'", String.raw`'\''`);
  return (
    `curl -s ${origin}/v1/models/${model}/ask -H "authorization: Bearer $UPRIVER_TOKEN" ` +
    `-H 'content-type: application/json' -d '${quoted}'`
  );
}
