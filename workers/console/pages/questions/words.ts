import type { Answer, QuestionWay } from "#client/index.ts";
import { count, day, percent } from "#core/format.ts";

/** Says what an answer's certificate promises, or why there is none. */
export function certificateInWords({ certificate, uncertified, accepted, rung }: Answer): string {
  if (rung === "human") return "A person answered, or the truth came: no rule had to accept it.";
  if (certificate) {
    const { bound, confidence, coverage, labels, window, scope } = certificate;
    const from = window ? ` between ${window.from} and ${window.to}` : "";
    return (
      `Of the answers that this rule accepted${from}, at most ${percent(bound)} are wrong, with ${percent(confidence)} confidence, based on ` +
      `${count(labels)} labels. It accepts ${percent(coverage)} of questions. It is about ${aboutOf(scope)}.`
    );
  }
  if (!accepted) return "None: no rung's rule accepted the answer.";
  return uncertified ? `None yet: ${uncertified.reason}.` : "None: the rung that answered has no rule.";
}

function aboutOf(scope: string): string {
  if (scope === "global") return "the held-out questions of all regions";
  return scope.startsWith("group:")
    ? "the questions of all regions together, and promises nothing for one of them"
    : `region ${scope}`;
}

/** Says what a question turned out to be, and what that changed. */
export function labelInWords({ label, answer, split, accepted, inclusionProbability }: QuestionWay): string {
  if (!label)
    return "Not known yet. A label from a person or from your system teaches the region and counts in its certificate.";
  const by = label.labelledBy ? `, given by token ${label.labelledBy}` : "";
  const uses = {
    train: "the region's next head learns from it",
    validation: "it helps to choose among the region's next heads",
    calibration: "it helps to certify, and no head learns from it",
  };
  const isCounted = accepted && label.source !== "origin" && label.trusted !== false && inclusionProbability > 0;
  const counted = isCounted
    ? ` It moved the region's threshold and counts in its certificate, standing for ${(1 / inclusionProbability).toFixed(0)} accepted question(s).`
    : " It does not count in the certificate: only planned labels of accepted questions do.";
  const trusted = label.trusted === false ? " Its token is not trusted: it only trains, within limits." : "";
  const { tolerance } = answer;
  const isSaid =
    tolerance === undefined
      ? answer.label === label.label
      : Math.abs(Number(answer.label) - Number(label.label)) <= tolerance;
  return `${label.label}, by ${label.source}${by}, on ${day(label.labelledAt)}. Split ${split}: ${uses[split]}.${counted}${trusted}${isSaid ? "" : " The answer says otherwise."}`;
}

/** Says what the region did with a question that the edge did not accept. */
export function routeInWords({ route, inReview, tries }: QuestionWay): string {
  const words = {
    escalate: "It was escalated.",
    explore: "It was escalated to compare the rungs, although escalation does not pay here.",
    keep: "It was kept: escalation does not pay here.",
  };
  const tried = tries > 0 ? ` The rung above was asked ${count(tries)} times without an answer.` : "";
  return `${route ? words[route] : ""}${tried}${inReview ? " It waits for a person." : ""}`.trim();
}
