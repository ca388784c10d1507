import { setTimeout } from "node:timers/promises";
import { keysChangedEvent } from "#core/node-events.ts";
import { checkFree } from "../local/ports.ts";
import { tail } from "../local/process.ts";
import { RotatedLog } from "../local/rotated-log.ts";
import { type NodeChoice, openNode, takeKeys } from "./enrol.ts";
import { claim, unclaim, wakeFrozen } from "./running.ts";
import { type RunningNode, startNode } from "./start.ts";
import { type NodeState, pathsOf, readNode, settingsOfNode } from "./state.ts";

/** How often a node's process looks whether its settings have changed. */
const lookEveryMs = 1_000;

export interface RunOptions extends NodeChoice {
  host: string;
  port: number;
  isJson?: boolean | undefined;
}

/** Runs a folder's node until it is told to stop; enrols it at its first start. Resolves with the exit code. */
export async function runNode(options: RunOptions): Promise<number> {
  const { data, host, port, isJson = false } = options;
  const address = `http://${host === "0.0.0.0" ? "127.0.0.1" : host}:${port}`;
  const state = await openNode(options, (line) => console.error(line));
  const mark = await claim(data, address);
  try {
    const next = "Stop the program that uses it, or choose another with --port.";
    await checkFree(host, port, (what) => `Port ${port} of ${host} ${what}. ${next}`);
    return await served(state, options, address, mark, isJson);
  } finally {
    await unclaim(data);
  }
}

async function served(
  first: NodeState,
  { data, host, port }: RunOptions,
  address: string,
  mark: (workerd: number | null) => Promise<void>,
  isJson: boolean,
): Promise<number> {
  const { log: path } = pathsOf(data);
  const log = new RotatedLog(path);
  let state = first;
  let stopped = false;
  let node: RunningNode | null = null;
  const stop = () => {
    // npx and a terminal both pass on Ctrl-C.
    if (!stopped && !isJson) console.log("\nStopping …");
    stopped = true;
    void node?.stop();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  const onLog = (line: string) => {
    log.write(new TextEncoder().encode(`${line}\n`));
    if (line.includes(`"event":"${keysChangedEvent}"`)) {
      takeKeys(data).catch((error: unknown) => console.error(`The keys of the rung above were not stored: ${error}`));
    }
  };
  try {
    for (let isFirst = true; ; isFirst = false) {
      node = await startNode({ data, host, port, settings: await settingsOfNode(state), onLog, onSpawn: mark });
      const unwatch = wakeFrozen(data, node.pid);
      if (stopped) await node.stop();
      else if (isFirst)
        console.log(isJson ? JSON.stringify(ready(state, address, path)) : welcome(state, address, data, path));
      const ending = new AbortController();
      const end = await Promise.race([node.ended, changed(data, state, ending.signal)]);
      ending.abort();
      unwatch();
      if (stopped) {
        await node.ended;
        return 0;
      }
      if (typeof end === "string") {
        console.error(
          `workerd of node '${state.id}' ended (${end}). The end of its log (${path}):\n${await tail(path)}`,
        );
        return 1;
      }
      console.error(`The settings of node '${state.id}' have changed: workerd starts again with them.`);
      await node.stop();
      if (stopped) return 0;
      state = end;
    }
  } finally {
    log.close();
  }
}

/** Resolves with a node's state once another one is stored. */
async function changed(data: string, known: NodeState, signal: AbortSignal): Promise<NodeState> {
  const before = JSON.stringify(known);
  for (;;) {
    // What has ended resolves nothing.
    await setTimeout(lookEveryMs, null, { signal, ref: false }).catch(() => new Promise<never>(() => {}));
    const state = await readNode(data).catch(() => null);
    if (state && JSON.stringify(state) !== before) return state;
  }
}

function ready({ id, above, share, tokens }: NodeState, url: string, log: string) {
  return { node: id, url, above, share, console: consoleOf(url, tokens.admin), log };
}

function welcome({ id, above, share, tokens }: NodeState, url: string, data: string, log: string): string {
  return [
    `\nNode '${id}' is running: ${url}`,
    // What is not a terminal keeps what it gets, such as the log of a container.
    ...(process.stdout.isTTY
      ? [`Console, signed in: ${consoleOf(url, tokens.admin)}`, `Token that may ask and teach: ${tokens.teach}`]
      : [`Tokens: in ${data}/node.json`]),
    `Above: ${above}; shares ${share}`,
    `Log: ${log}`,
    `Ctrl-C stops it; everything is kept in ${data}.`,
  ].join("\n");
}

function consoleOf(url: string, token: string): string {
  return `${url}/console/#token=${token}`;
}
