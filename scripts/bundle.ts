// Bundles the Worker and a node's, for the processes that will serve them, and prints the size of what a deployment
// uploads. Run it: node scripts/bundle.ts
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { bundle } from "./local/workerd.ts";

const [worker] = await Promise.all([bundle("wrangler.toml"), bundle("workers/node/node.toml")]);
const uploaded = (await readdir(worker)).filter((name) => /\.(js|wasm)$/.test(name));
const parts = await Promise.all(uploaded.map((name) => readFile(join(worker, name))));
const kib = (sizes: number[]) => `${(sizes.reduce((sum, size) => sum + size, 0) / 1_024).toFixed(0)} KiB`;
console.log(
  `Upload: ${kib(parts.map(({ length }) => length))}, gzipped ${kib(parts.map((part) => gzipSync(part).length))}`,
);
