const rules: [RegExp, (match: RegExpExecArray) => string][] = [
  [/^unknown command '(.*)'/, ([, verb]) => `There is no command '${verb}'.`],
  [/^unknown option '(.*)'/, ([, option]) => `There is no option ${option}.`],
  [/^missing required argument '(.*)'/, ([, argument]) => `Missing argument: <${argument}>.`],
  [/^required option '(.*)' not specified/, ([, option]) => `Missing option: ${option}.`],
  [/^option '(.*)' argument missing/, ([, option]) => `Missing value: ${option}.`],
  [
    /^too many arguments(?: for '.*')?\. Expected (\d+) arguments? but got (\d+)/,
    ([, expected, received]) => `Too many arguments: expected at most ${expected}, received ${received}.`,
  ],
  [
    /^option '(\S+).*' argument '(.*)' is invalid\. Allowed choices are (.*)\.$/,
    ([, option, given, choices]) => `${option} must be one of ${choices}; received '${given}'.`,
  ],
];

/** Says in our own words what commander found wrong with a command line. */
export function describeUsageFault(text: string): string {
  const [first = "", ...rest] = text.trim().split("\n");
  const fault = first.replace(/^error: /, "");
  const suggestion = /Did you mean (?:one of )?(.*)\?/.exec(rest.join(" "))?.[1];
  const hint = suggestion === undefined ? "" : ` Did you mean ${suggestion.replace(/, ([^,]*)$/, " or $1")}?`;
  for (const [pattern, describe] of rules) {
    const match = pattern.exec(fault);
    if (match) return `${describe(match)}${hint}`;
  }
  return `${fault.charAt(0).toUpperCase()}${fault.slice(1)}`;
}
