import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import type { QuestionWay } from "#core/contract/index.ts";
import { answerText, percent } from "#core/format.ts";
import { clientFor } from "../local/context.ts";
import { printResult } from "../local/output.ts";
import { projectFolder } from "../local/project.ts";

/** A line that a rung logged about a question. */
interface LogLine {
  rung?: string;
  event?: string;
  ms?: number;
  reason?: string;
  outcome?: string;
}

const logs = ["edge.log", "origin.log"];

/** `upriver why`: shows the whole way of one question. */
export function whyVerb(program: Command): void {
  program
    .command("why")
    .description("show the whole way of a question: who asked, what each rung said, and what became of it")
    .argument("<id>", "the id of a question that was stored")
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver why 'storefront~lagoon~0mw046fdy7ka7s7afie'")
    .action(async (id: string, { json }: { json?: boolean }, command: Command) => {
      const way = await (await clientFor(command, "admin")).way(id);
      const logged = await loggedOf(id);
      printResult(json, { ...way, logged }, () => describe(way, logged));
    });
}

// The local ladder's logs; those of a deployment are where it logs to.
async function loggedOf(id: string): Promise<LogLine[]> {
  const folder = join(projectFolder(), ".upriver");
  const paths = logs.map((name) => join(folder, name)).filter(existsSync);
  const texts = await Promise.all(paths.map((path) => readFile(path, "utf8")));
  return texts.flatMap((text) => text.split("\n").flatMap((line) => (line.includes(`"${id}"`) ? parsed(line) : [])));
}

function parsed(line: string): LogLine[] {
  try {
    return [JSON.parse(line.slice(line.indexOf("{")))];
  } catch {
    return [];
  }
}

function describe(way: QuestionWay, logged: readonly LogLine[]): string {
  const { id, base, owner, at, accepted, audited, split, groupKey, inclusionProbability, opinions, tries } = way;
  const { answer, label, inReview, instance, route, candidates } = way;
  const judged = accepted ? "accepted by the rule" : "not accepted by the rule";
  const steps = opinions.map(({ rung, version, label: said, confidence }) => {
    return line(rung, `${said} (${percent(confidence)}), version ${version}${rung === "edge" ? `, ${judged}` : ""}`);
  });
  const given = `${answerText(answer)} by ${answer.rung}, version ${answer.version}`;
  return [
    id,
    line("asked", `${new Date(at).toISOString()}, by token '${owner}', on version ${base}`),
    ...(instance === null ? [] : [line("instance", JSON.stringify(instance))]),
    ...(candidates ? [line("candidates", candidates.join(", "))] : []),
    ...(opinions.some(({ rung }) => rung === "edge") ? [] : [line("edge", judged)]),
    ...steps,
    ...(route === null || route === "escalate" ? [] : [line("route", routes[route])]),
    ...(tries > 0 ? [line("tries", `the next rung was asked ${tries} times without an answer`)] : []),
    line(
      "answer",
      answer.status === "open" ? `open${inReview ? ", waiting for a person" : ""}; so far ${given}` : given,
    ),
    line(
      "certified",
      answer.certificate ? `at most ${percent(answer.certificate.bound)} wrong` : (answer.uncertified?.reason ?? "no"),
    ),
    line(
      "label",
      label ? `${label.label}, by ${label.source}, at ${new Date(label.labelledAt).toISOString()}` : "not known yet",
    ),
    line(
      "used for",
      `${split}${groupKey === id ? "" : `, with all of group '${groupKey}'`}; label planned with probability ${inclusionProbability}${audited ? ", audited" : ""}`,
    ),
    ...logged.map(({ rung = "", event = "", ms, reason, outcome }) =>
      line("log", [rung, event, ms === undefined ? null : `${ms} ms`, outcome, reason].filter(Boolean).join(", ")),
    ),
  ].join("\n");
}

const routes = {
  explore: "the rung above was asked for a comparison only: escalation is not known to pay here",
  keep: "the rung above was not asked: escalation is not known to pay here",
};

function line(title: string, text: string): string {
  return `  ${title.padEnd(10)} ${text}`;
}
