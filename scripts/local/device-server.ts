import { existsSync } from "node:fs";
import { readFile, rename, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { gzipSync } from "node:zlib";
import { startServer } from "./http-server.ts";
import { root } from "./process.ts";
import { hashOfSources } from "./sources.ts";

const types: Record<string, string> = { ".html": "text/html", ".js": "text/javascript", ".wasm": "application/wasm" };

/** A server that passes requests to an edge, and can be cut off from it. */
export interface DeviceServer {
  url: string;
  /** Cuts the connection to the edge, or restores it. */
  setCut: (isCut: boolean) => void;
  /** How often the edge replied to a question without a failure, by the question's id. */
  delivered: Map<string, number>;
  /** Bytes that requests had as bodies so far. */
  sentBytes: () => number;
  /** What pages loaded from here: paths, and gzipped bytes. */
  loaded: Map<string, number>;
  stop: () => void;
}

/** Serves a page that can open devices (`device-page.ts`), and passes everything under /v1 to an edge. */
export async function startDeviceServer(edge: string, { withPage = true } = {}): Promise<DeviceServer> {
  const folder = withPage ? await builtPage() : "";
  const delivered = new Map<string, number>();
  let sent = 0;
  const loaded = new Map<string, number>();
  let isCut = false;
  const { url, stop } = await startServer(async (request, response) => {
    const path = request.url ?? "/";
    const parts: Buffer[] = [];
    for await (const part of request) parts.push(part as Buffer);
    const body = Buffer.concat(parts);
    sent += body.length;
    if (!path.startsWith("/v1/")) {
      const file = path === "/" ? "index.html" : path;
      const content =
        file === "index.html"
          ? '<!doctype html><link rel="icon" href="data:," /><script type="module" src="/page.js"></script>'
          : await readFile(join(folder, file)).catch(() => null);
      if (content !== null) loaded.set(path, gzipSync(content).length);
      response.writeHead(content === null ? 404 : 200, { "content-type": types[extname(file)] ?? "text/plain" });
      response.end(content);
      return;
    }
    if (isCut) return void request.socket.destroy();
    const headers = new Headers();
    for (const [name, value] of Object.entries(request.headers)) {
      if (typeof value === "string" && !["host", "connection", "content-length"].includes(name))
        headers.set(name, value);
    }
    const init = { method: request.method ?? "GET", headers, ...(body.length > 0 ? { body } : {}) };
    const passed = await fetch(edge + path, init).catch(() => null);
    const bytes = passed ? Buffer.from(await passed.arrayBuffer()) : null;
    if (!passed || !bytes || isCut) return void request.socket.destroy();
    if (passed.ok && path.endsWith("/ask")) {
      const { questions = [] } = JSON.parse(body.toString()) as { questions?: { id: string }[] };
      for (const { id } of questions) delivered.set(id, (delivered.get(id) ?? 0) + 1);
    }
    response.writeHead(passed.status, { "content-type": passed.headers.get("content-type") ?? "text/plain" });
    response.end(bytes);
  });
  return {
    ...{ url, delivered, loaded },
    sentBytes: () => sent,
    setCut(cut) {
      isCut = cut;
    },
    stop,
  };
}

/** Returns the folder of the built page: it is built once for its sources. */
async function builtPage(): Promise<string> {
  const folders = [join(root, "workers/client"), join(root, "workers/core")];
  const sources = await hashOfSources(folders, [import.meta.filename, join(root, "package-lock.json")]);
  const folder = join(root, "node_modules/.cache/device-page", sources.slice(0, 16));
  if (existsSync(folder)) return folder;
  // Loaded only when needed, since loading vite takes a second.
  const { build } = await import("vite");
  const fresh = `${folder}.${process.pid}`;
  await build({
    ...{ root, logLevel: "error", worker: { format: "es" } },
    build: {
      ...{ outDir: fresh, target: "esnext", modulePreload: false },
      rolldownOptions: {
        input: join(root, "scripts/local/device-page.ts"),
        output: { entryFileNames: "page.js" },
      },
    },
  });
  // Another process may have built it meanwhile.
  await rename(fresh, folder).catch(() => rm(fresh, { recursive: true, force: true }));
  return folder;
}
