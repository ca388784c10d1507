import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Command } from "commander";
import { describe, expect, it } from "vitest";
import { root } from "#scripts/local/process.ts";
import { createProgram } from "#scripts/program.ts";

const program = await createProgram();
const verbs = new Map(program.commands.map((verb) => [verb.name(), verb]));

describe.each(["README.md", "OPERATIONS.md", "workers/origin/README.md"])("%s", (file) => {
  it("names existing commands with options that they accept", async () => {
    const { blocks, inline } = commandsIn(await readFile(join(root, file), "utf8"));
    expect(blocks.length).toBeGreaterThan(0);
    expect([...blocks, ...inline].flatMap((command) => faultsOf(command))).toEqual([]);
    expect(blocks.flatMap((command) => argumentFaultsOf(command))).toEqual([]);
  });
});

it("the check finds unknown commands, unknown options and surplus arguments", () => {
  expect(faultsOf("npx upriver explode now")).toEqual(["npx upriver explode now: no verb 'explode'"]);
  expect(faultsOf("npx upriver retrain shop --all")).toEqual(["npx upriver retrain shop --all: no option '--all'"]);
  expect(argumentFaultsOf("npx upriver rollback shop 2")).toEqual(["npx upriver rollback shop 2: 2 arguments"]);
  expect(argumentFaultsOf("npx upriver --url http://edge rollback --region north shop")).toEqual([]);
});

/** Finds each `npx upriver …` in the shell blocks and the text of a page. */
function commandsIn(markdown: string): { blocks: string[]; inline: string[] } {
  const isBlock = /^```(\w*)\n(.*?)^```$/gms;
  const shell = [...markdown.matchAll(isBlock)].flatMap(([, language, text]) => (language === "sh" ? [text] : []));
  const blocks = shell.flatMap((text = "") => text.replaceAll("\\\n", " ").split(/\n|&&|\||;|\$\(/));
  const spans = [...markdown.replaceAll(isBlock, "").matchAll(/`([^`]+)`/g)].map(([, text = ""]) => text);
  return { blocks: blocks.flatMap(commandOf), inline: spans.flatMap(commandOf) };
}

function commandOf(text: string): string[] {
  const [command = ""] = text.replace(/^[\s(]*([A-Z_]+=\S*\s+)*/, "").split(/\s#|\s[\d&]?[<>]\s?|\)/);
  return command.startsWith("npx upriver ") ? [command.trim().replaceAll(/\s+/g, " ")] : [];
}

function faultsOf(command: string): string[] {
  const { verb, name, options } = read(command);
  // `npx upriver <verb> --help` stands for any command.
  if (name.startsWith("<")) return [];
  if (!verb) return [`${command}: no verb '${name}'`];
  const known = [...verb.options, ...program.options].map(({ long }) => long);
  return options.flatMap((option) => {
    return known.includes(option) || option === "--help" ? [] : [`${command}: no option '${option}'`];
  });
}

function argumentFaultsOf(command: string): string[] {
  const { verb, args } = read(command);
  const taken = verb?.registeredArguments ?? [];
  const least = taken.filter(({ required }) => required).length;
  const most = taken.some(({ variadic }) => variadic) ? Number.POSITIVE_INFINITY : taken.length;
  return args.length >= least && args.length <= most ? [] : [`${command}: ${args.length} arguments`];
}

function read(command: string): { verb: Command | undefined; name: string; options: string[]; args: string[] } {
  const words = (command.match(/'[^']*'|"[^"]*"|[^\s'"]+/g) ?? []).slice(2);
  const options: string[] = [];
  const args: string[] = [];
  let name = "";
  let verb: Command | undefined;
  for (let i = 0; i < words.length; i++) {
    const word = words[i] as string;
    if (word.startsWith("--")) {
      const [long = ""] = word.split("=");
      options.push(long);
      const option = [...(verb?.options ?? []), ...program.options].find((one) => one.long === long);
      const takesNext = option?.required || (option?.optional && words[i + 1]?.startsWith("-") === false);
      if (takesNext && !word.includes("=")) i++;
    } else if (name === "") {
      name = word;
      verb = verbs.get(name);
    } else {
      const inner = args.length === 0 ? verb?.commands.find((one) => one.name() === word) : undefined;
      if (inner) verb = inner;
      else args.push(word);
    }
  }
  return { verb, name, options, args };
}
