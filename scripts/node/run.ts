import { createServer } from "node:net";
import { tail } from "../local/process.ts";
import { RotatedLog } from "../local/rotated-log.ts";
import { type NodeChoice, openNode } from "./enrol.ts";
import { claim, unclaim, wakeFrozen } from "./running.ts";
import { type RunningNode, startNode } from "./start.ts";
import { type NodeState, pathsOf, settingsOfNode } from "./state.ts";

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
    await checkPort(host, port);
    return await served(state, options, address, mark, isJson);
  } finally {
    await unclaim(data);
  }
}

async function served(
  state: NodeState,
  { data, host, port }: RunOptions,
  address: string,
  mark: (workerd: number | null) => Promise<void>,
  isJson: boolean,
): Promise<number> {
  const { log: path } = pathsOf(data);
  const log = new RotatedLog(path);
  let stopped = false;
  let node: RunningNode | null = null;
  const stop = () => {
    // npx and a terminal both pass on Ctrl-C.
    if (!stopped && !isJson) console.log("\nStopping …");
    stopped = true;
    void node?.stop();
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  try {
    const onLog = (line: string) => log.write(new TextEncoder().encode(`${line}\n`));
    node = await startNode({ data, host, port, settings: await settingsOfNode(state), onLog, onSpawn: mark });
    const unwatch = wakeFrozen(data, node.pid);
    if (stopped) await node.stop();
    else console.log(isJson ? JSON.stringify(ready(state, address, path)) : welcome(state, address, data, path));
    const why = await node.ended;
    unwatch();
    if (stopped) return 0;
    console.error(`workerd of node '${state.id}' ended (${why}). The end of its log (${path}):\n${await tail(path)}`);
    return 1;
  } finally {
    log.close();
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

async function checkPort(host: string, port: number): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once("error", (error: NodeJS.ErrnoException) => {
      const what = error.code === "EADDRINUSE" ? "is taken" : `can't be used (${error.code})`;
      const next = "Stop the program that uses it, or choose another with --port.";
      reject(new Error(`Port ${port} of ${host} ${what}. ${next}`));
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}
