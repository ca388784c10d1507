import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { UpriverClient } from "#client/index.ts";
import type { Scope } from "#core/tokens.ts";
import { bin, root } from "#scripts/local/process.ts";
import { readJson } from "#scripts/local/read-json.ts";
import type { Running } from "#scripts/node/running.ts";
import { type NodeState, pathsOf, readNode } from "#scripts/node/state.ts";

/** A node that `npx upriver node` runs in a process of its own. */
export interface NodeProcess {
  child: ChildProcess;
  url: string;
  state: NodeState;
  workerd: number;
  client: (scope: Scope) => UpriverClient;
  /** What it has printed until now. */
  printed: () => string;
  /** Its exit code, once it has ended. */
  ended: Promise<number | null>;
  /** Tells it to stop; returns its exit code. */
  stop: (signal?: NodeJS.Signals) => Promise<number | null>;
}

/** Runs `npx upriver node` on a folder and waits until it is up. Throws what it printed where it ends before. */
export async function startNodeProcess(data: string, args: readonly string[]): Promise<NodeProcess> {
  const command = [join(root, "scripts/cli.ts"), "node", "--data", data, "--json", ...args];
  const child = spawn(bin("node"), command, { stdio: ["ignore", "pipe", "pipe"] });
  let printed = "";
  const ended = new Promise<number | null>((resolve) => child.once("exit", (code) => resolve(code)));
  const up = new Promise<string>((resolve, reject) => {
    child.stdout.on("data", (chunk) => {
      printed += chunk;
      const found = /^\{"node".*\}$/m.exec(printed);
      if (found) resolve(found[0]);
    });
    child.stderr.on("data", (chunk) => (printed += chunk));
    void ended.then(() => reject(new Error(printed)));
  });
  const { url } = JSON.parse(await up) as { url: string };
  const state = (await readNode(data)) as NodeState;
  const running = await readJson<Running>(pathsOf(data).running);
  return {
    ...{ child, url, state, ended, printed: () => printed },
    workerd: running?.workerd?.pid as number,
    client: (scope) => new UpriverClient({ url, token: state.tokens[scope] }),
    stop(signal = "SIGTERM") {
      child.kill(signal);
      return ended;
    },
  };
}
