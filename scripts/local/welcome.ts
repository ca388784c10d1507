import type { ClassifyManifest, Instance } from "#core/contract/index.ts";
import type { LocalLadder } from "./ladder.ts";

/** Prints how to use a running ladder: commands that work when pasted, with one token that may ask and teach. */
export async function printWelcome(
  { credentials, client }: LocalLadder,
  model: string | null,
  hasDemo: boolean,
): Promise<void> {
  const { edge, tokens } = credentials;
  const lines = [
    `\nUpriver is running: ${edge}`,
    `Console, signed in: ${edge}/console/#token=${tokens.admin}`,
    ...(hasDemo ? ["A demo of two minutes: the page Demo of the console"] : []),
    `Token that may ask and teach: ${tokens.teach}`,
  ];
  if (model !== null) lines.push(...(await modelLines(credentials, client("publish"), model)));
  else lines.push("\nNext:", line("new <name> <file> --label <column>", "make a recipe from your data"));
  lines.push(`Ctrl-C stops everything; the data is kept.`);
  console.log(lines.join("\n"));
}

async function modelLines(
  { edge, tokens }: LocalLadder["credentials"],
  client: ReturnType<LocalLadder["client"]>,
  model: string,
): Promise<string[]> {
  const { examples } = await client.model(model);
  const manifest = await client.manifest(model);
  const [easy, hard] = examples as [Instance?, Instance?];
  const labels = manifest.task === "classify" ? manifest.labels : [];
  const label = manifest.task === "tensor" ? undefined : exampleLabel(manifest);
  const ask = (instance: Instance, choice: object = {}) =>
    curl(`${edge}/v1/models/${model}/ask`, tokens.teach, JSON.stringify({ instance, ...choice }));
  const truth = (instance: Instance) =>
    curl(
      `${edge}/v1/models/${model}/truths`,
      tokens.teach,
      JSON.stringify({ truths: [{ label, question: { instance } }] }),
    );
  return [
    ...(easy ? ["\nAn easy question, answered at the edge:", ask(easy)] : []),
    ...(hard ? ["\nA hard question, escalated to the origin:", ask(hard)] : []),
    ...(easy && labels.length > 3
      ? [
          "\nThe best of three labels only, such as what a store stocks, accepted or not:",
          ask(easy, { candidates: labels.slice(0, 3), accept: "always" }),
        ]
      : []),
    ...(easy && label !== undefined
      ? ["\nWhat turned out to be true, for the region to learn from:", truth(easy)]
      : []),
    "\nThe model that is served, with its metrics:",
    curl(`${edge}/v1/models/${model}`, tokens.teach),
    "\nNext:",
    line("status", "show models, regions and what they have learned"),
    line(`replay ${model} --forget --no-controls`, "play data through the ladder, and see the regions learn"),
    line(`review ${model}`, "answer the questions that no model accepted"),
    line("new <name> <file> --label <column>", "make a recipe from your data"),
  ];
}

/** A label of the model: the first one, or a number in the middle. */
function exampleLabel({ labels, number }: ClassifyManifest): string | number | undefined {
  if (!number) return labels[0];
  const { edges } = number.bins;
  return Number((edges[Math.floor(edges.length / 2)] as number).toPrecision(3));
}

function line(command: string, what: string): string {
  return `  npx upriver ${command.padEnd(44)} ${what}`;
}

function curl(url: string, token: string, body?: string): string {
  const data = body === undefined ? "" : ` -H 'content-type: application/json' -d '${body.replaceAll("'", "'\\''")}'`;
  return `curl -s ${url} -H 'authorization: Bearer ${token}'${data}`;
}
