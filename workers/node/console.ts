const types: Record<string, string> = {
  css: "text/css; charset=utf-8",
  html: "text/html; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
  wasm: "application/wasm",
};

let headers: Promise<Record<string, string>> | null = null;

/** Returns the console's page or one of its files; null for what is none of them. */
export async function consoleFile(request: Request, files: Fetcher): Promise<Response | null> {
  const { pathname } = new URL(request.url);
  const [, first, ...rest] = pathname.split("/");
  if (first !== "console" || request.method !== "GET") return null;
  const name = rest.join("/") || "index.html";
  const type = types[name.split(".").at(-1) ?? ""];
  if (type === undefined) return null;
  const found = await files.fetch(`http://console/console/${name}`);
  if (!found.ok) return null;
  headers ??= headersOf(files);
  return new Response(found.body, {
    headers: { ...(await headers), "content-type": type, "cache-control": "no-cache" },
  });
}

/** Reads the headers that Cloudflare adds to the console's files. */
async function headersOf(files: Fetcher): Promise<Record<string, string>> {
  const text = await (await files.fetch("http://console/_headers")).text();
  return Object.fromEntries([...text.matchAll(/^\s+([\w-]+): (.+)$/gm)].map(([, name, value]) => [name, value]));
}
