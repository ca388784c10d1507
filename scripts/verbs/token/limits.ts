import type { Command } from "commander";
import type { TokenLimits } from "#core/contract/index.ts";
import { type Scope, scopes } from "#core/tokens.ts";
import { choiceListParser, dayParser, nameListParser, numberParser } from "../../local/usage.ts";

/** What the commands `create` and `limit` take in common. */
export interface GrantOptions {
  scopes?: Scope[];
  models?: string[];
  regions?: string[];
  questionsPerMinute?: number;
  openQuestions?: number;
  reviewQuestions?: number;
  contributionLabels?: number;
  expires?: string;
}

const whole = { atLeast: 1, isWhole: true };

/** Adds the options of what a token may do. */
export function grantOptions(command: Command): Command {
  return command
    .option(
      "--scopes <scopes>",
      `scopes, separated by commas: ${scopes.join(", ")}`,
      choiceListParser("--scopes", scopes),
    )
    .option("--models <models>", "models it is limited to, separated by commas; '*' is all", nameListParser("--models"))
    .option("--regions <regions>", "regions it is limited to; '*' is all", nameListParser("--regions"))
    .option("--questions-per-minute <n>", "questions a minute", numberParser("--questions-per-minute", whole))
    .option("--open-questions <n>", "questions that are open at a time", numberParser("--open-questions", whole))
    .option("--review-questions <n>", "questions in review at a time", numberParser("--review-questions", whole))
    .option(
      "--contribution-labels <n>",
      "labels in the sums of a contribution",
      numberParser("--contribution-labels", whole),
    )
    .option("--expires <day>", "it expires at the start of this day (UTC)", dayParser("--expires"));
}

/** Returns a command's options: those that `token` has as well are read there, wherever they stand. */
export function optionsOf<T>(command: Command): T {
  return command.optsWithGlobals() as T;
}

/** Returns what was given of a token's rights. */
export function grantOf({ scopes: granted, models, regions, expires, ...rest }: GrantOptions) {
  const { questionsPerMinute, openQuestions, reviewQuestions, contributionLabels } = rest;
  const limits: TokenLimits = {
    ...(questionsPerMinute === undefined ? {} : { questionsPerMinute }),
    ...(openQuestions === undefined ? {} : { openQuestions }),
    ...(reviewQuestions === undefined ? {} : { reviewQuestions }),
    ...(contributionLabels === undefined ? {} : { contributionLabels }),
  };
  return {
    ...(granted ? { scopes: granted } : {}),
    ...(models ? { models } : {}),
    ...(regions ? { regions } : {}),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
    ...(expires ? { expiresAt: Date.parse(`${expires}T00:00:00Z`) } : {}),
  };
}
