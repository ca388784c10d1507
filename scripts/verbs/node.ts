import { resolve } from "node:path";
import { type Command, Option } from "commander";
import { UpriverClient } from "#client/index.ts";
import { type Share, shares } from "#core/contract/index.ts";
import { bytes, count } from "#core/format.ts";
import { edgeFor } from "../local/context.ts";
import { printResult } from "../local/output.ts";
import { numberParser, UsageError } from "../local/usage.ts";

interface Options {
  above?: string;
  data?: string;
  enrol?: string;
  share?: Share;
  host: string;
  port: number;
  json?: boolean;
}

const dataOption = ["--data <folder>", "the folder of everything that the node stores"] as const;
const shareOption = () =>
  new Option(
    "--share <what>",
    "what may leave the site: questions that escalate and labels (samples), exact sums alone (sums), or nothing",
  ).choices(shares);

/** `upriver node`: runs a node on this machine, under an edge or another node; invites, backs up and restores one. */
export function nodeVerb(program: Command): void {
  const node = program
    .command("node")
    .description("run a node on this machine: an edge of its own, with its data on this disk, under another rung")
    .usage("[command] | --data <folder> [--above <url> --enrol <token>]")
    .option(...dataOption)
    .option("--above <url>", "address of the rung above; stored at the first start")
    .option("--enrol <token>", "the token that 'node invite' printed; for the first start")
    .addOption(shareOption())
    .option("--host <address>", "the address to listen on; 0.0.0.0 is all of this machine", "127.0.0.1")
    .option(
      "--port <port>",
      "the port to listen on",
      numberParser("--port", { atLeast: 1, atMost: 65_535, isWhole: true }),
      8790,
    )
    .option("--json", "print one JSON object instead of text, when it runs")
    .addHelpText(
      "after",
      "\nIt runs until Ctrl-C. Later starts need --data alone.\n\nExamples:\n" +
        "  npx upriver node invite plant-7                 (where an admin of the rung above is)\n" +
        "  npx upriver node --above https://edge.example --data plant-7 --enrol up_plant-7_…\n  npx upriver node --data plant-7",
    )
    .action(run);
  inviteVerb(node);
  withdrawVerb(node);
  node
    .command("backup")
    .description("copy a node's folder at one moment, while it runs, to a new folder or archive (.tar, .tar.gz)")
    .argument("<path>", "a file or folder that does not exist yet; it holds the node's secrets")
    .option(...dataOption)
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver node backup plant-7.tar.gz --data plant-7")
    .action(runBackup);
  node
    .command("restore")
    .description("make a node's folder of a backup; the node that it was made of must not run any more")
    .argument("<path>", "what 'node backup' made")
    .option(...dataOption)
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nExample:\n  npx upriver node restore plant-7.tar.gz --data restored\n  npx upriver node --data restored",
    )
    .action(runRestore);
}

function withdrawVerb(node: Command): void {
  node
    .command("withdraw")
    .description("share nothing from now on, and remove the sums that the node has contributed from the rung above")
    .option(...dataOption)
    .option("--json", "print one JSON object instead of text")
    .addHelpText(
      "after",
      "\nA later start with --share sums contributes again.\n\nExample:\n  npx upriver node withdraw --data plant-7",
    )
    .action(async (_, command: Command) => {
      const options = optionsOf(command);
      const data = dataOf(options);
      const { withdraw } = await import("../node/withdraw.ts");
      const done = await withdraw(data);
      if (done.isRunning && (done.left === null || done.left.length > 0)) process.exitCode = 1;
      printResult(options.json, done, () => {
        const what = `Node '${done.node}' shares nothing from now on`;
        if (!done.isRunning)
          return `${what}. It does not run: it withdraws its sums once it does. Next: npx upriver node --data ${data}`;
        if (done.left === null) return `${what}, but did not say so yet: see its log, ${data}/node.log.`;
        if (done.left.length === 0) return `${what}, and none of its sums are above.`;
        const named = done.left.map(({ model, region }) => `${model} ${region}`).join(", ");
        return `${what}. Still above: ${named}. It removes them once the rung above can be reached.`;
      });
    });
}

function inviteVerb(node: Command): void {
  node
    .command("invite")
    .description(
      "as an admin of the rung above, print the command that makes a machine a node, once and within 15 minutes",
    )
    .argument("<id>", "the node's name; its token gets it, and revoking the token revokes the node")
    .addOption(shareOption())
    .option("--json", "print one JSON object instead of text")
    .addHelpText("after", "\nExample:\n  npx upriver node invite plant-7 --share nothing")
    .action(async (id: string, _, command: Command) => {
      const { share, json } = optionsOf(command);
      const edge = await edgeFor(command, "admin");
      const invitation = await new UpriverClient(edge).inviteNode(id, share ? { share } : {});
      const line = `npx upriver node --above ${edge.url} --data ${id} --enrol ${invitation.token}`;
      const until = new Date(invitation.validUntil).toISOString().slice(11, 16);
      printResult(json, { ...invitation, command: line }, () => {
        return `Run this on the machine, once and before ${until} UTC:\n${line}\nThe node shares ${invitation.share}.`;
      });
    });
}

async function run(_: unknown, command: Command): Promise<void> {
  const options = optionsOf(command);
  const { runNode } = await import("../node/run.ts");
  process.exit(await runNode({ ...options, data: dataOf(options), isJson: options.json }));
}

async function runBackup(path: string, _: unknown, command: Command): Promise<void> {
  const options = optionsOf(command);
  const { backUp } = await import("../node/backup.ts");
  const made = await backUp(dataOf(options), path);
  printResult(options.json, made, () => {
    const what = `${count(made.files)} files, ${bytes(made.bytes)}`;
    const stood = made.pausedMs > 0 ? ` The node stood still for ${Math.ceil(made.pausedMs)} ms.` : "";
    return `${path}: node '${made.node}' as of ${new Date(made.at).toISOString()}, ${what}.${stood} It holds the node's secrets.`;
  });
}

async function runRestore(path: string, _: unknown, command: Command): Promise<void> {
  const options = optionsOf(command);
  const data = dataOf(options);
  const { restoreNode } = await import("../node/restore.ts");
  const found = await restoreNode(path, data);
  printResult(options.json, found, () => {
    const stop = "The node that it was made of must not run any more.";
    return `${data}: node '${found.node}' as of ${new Date(found.at).toISOString()}. ${stop} Next: npx upriver node --data ${data}`;
  });
}

function dataOf({ data }: Options): string {
  if (data !== undefined) return resolve(data);
  throw new UsageError("--data <folder> is required, or one of invite, withdraw, backup, restore.");
}

/** Options that `node` and one of its commands both have are read by `node`, wherever they stand. */
function optionsOf(command: Command): Options {
  return command.optsWithGlobals();
}
