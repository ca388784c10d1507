import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { durableObjects } from "../local/workerd.ts";

/** What a node's configuration names: folders, the address it listens on, and settings by name. */
export interface NodeConfig {
  /** The folder of the bundled Worker. */
  bundled: string;
  /** The folder of the console's files. */
  console: string;
  /** The folder of its objects. */
  objects: string;
  host: string;
  port: number;
  /** Settings and secrets: workerd reads their values from its environment, so that no file holds them. */
  variables: readonly string[];
}

/** The class of each object, by binding. Its name and its key must never change: they lead to what is stored. */
const objects = {
  ...Object.fromEntries(Object.entries(durableObjects).map(([name, { className }]) => [name, className])),
  ARTEFACTS_OBJECT: "ArtefactsObject",
  UPLINK: "UplinkObject",
};

/**
 * V8's youngest objects have 4 MB instead of 16: a node that keeps 100,000 questions has 60 MB less in memory, and is as fast
 * (`npm run bench -- node`).
 */
const v8Flags = ["--max-semi-space-size=4"];

/** Writes the configuration of workerd for a node, in Cap'n Proto's text. */
export async function nodeConfig(config: NodeConfig): Promise<string> {
  const files = await readdir(config.bundled);
  const modules = files
    .filter((file) => /\.(js|wasm)$/.test(file))
    // The first module is the Worker.
    .sort((a, b) => Number(b === "index.js") - Number(a === "index.js"))
    .map(
      (file) =>
        `(name = ${text(file)}, ${file.endsWith(".js") ? "esModule" : "wasm"} = embed ${text(join(config.bundled, file))})`,
    );
  const bindings = [
    ...Object.entries(objects).map(([name, of]) => `(name = ${text(name)}, durableObjectNamespace = ${text(of)})`),
    ...config.variables.map((name) => `(name = ${text(name)}, fromEnvironment = ${text(name)})`),
    `(name = "CONSOLE", service = "console")`,
  ];
  const namespaces = Object.values(objects).map(
    (of) => `(className = ${text(of)}, uniqueKey = ${text(`upriver-${of}`)}, enableSql = true)`,
  );
  return `using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [
    (name = "node", worker = (
      modules = [${list(modules)}],
      compatibilityDate = "2026-11-01",
      bindings = [${list(bindings)}],
      durableObjectNamespaces = [${list(namespaces)}],
      durableObjectStorage = (localDisk = "objects"),
    )),
    (name = "objects", disk = (path = ${text(config.objects)}, writable = true)),
    (name = "console", disk = ${text(config.console)}),
    (name = "internet", network = (allow = ["public", "private"], tlsOptions = (trustBrowserCas = true))),
  ],
  v8Flags = [${v8Flags.map(text).join(", ")}],
  sockets = [(name = "http", address = ${text(`${config.host}:${config.port}`)}, http = (), service = "node")],
);
`;
}

function list(items: readonly string[]): string {
  return items.map((item) => `\n        ${item},`).join("");
}

function text(value: string): string {
  return JSON.stringify(value);
}
