import { html, raw } from "hono/html";
import type { OpenApi, Operation } from "#core/contract/index.ts";

const styles = `
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; overflow-wrap: anywhere; }
nav { display: flex; flex-wrap: wrap; gap: .25rem 1rem; }
summary { cursor: pointer; padding: .4rem 0; }
summary code { font-weight: 600; }
details { border-bottom: 1px solid color-mix(in srgb, currentColor 20%, transparent); }
details > div { padding: 0 0 1rem 1rem; }
pre { overflow-x: auto; padding: .75rem; background: color-mix(in srgb, currentColor 8%, transparent); border-radius: .25rem; }
code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
.scope { opacity: .75; }
table { border-collapse: collapse; } td, th { text-align: left; padding: .15rem 1rem .15rem 0; vertical-align: top; } th { white-space: nowrap; }
@media (max-width: 40rem) { td, th { display: block; padding: 0; } details > div { padding-left: 0; } }
`;

/** Renders the document as a page without scripts, with a curl command for every route. */
export function pageOf(document: OpenApi, origin: string) {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  );
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${document.info.title}: HTTP API</title>
<style>${raw(styles)}</style>
</head>
<body>
<main>
<h1>${document.info.title}: HTTP API</h1>
<p>${codeIn(document.info.description)}</p>
<p><a href="/openapi.json">OpenAPI 3.1 document</a>.</p>
<nav aria-label="Tasks">${document.tags.map(({ name }) => html`<a href="#${slugOf(name)}">${name}</a>`)} <a href="#schemas">Schemas</a></nav>
${document.tags.map(
  ({ name, description }) => html`<h2 id="${slugOf(name)}">${name}</h2><p>${description}</p>
${operations.filter(({ operation }) => operation.tags.includes(name)).map(({ path, method, operation }) => routeHtml(path, method, operation, origin))}`,
)}
<h2 id="schemas">Schemas</h2>
${Object.entries(document.components.schemas).map(
  ([name, schema]) =>
    html`<details id="${name}"><summary><code>${name}</code></summary><div><pre tabindex="0">${JSON.stringify(schema, null, 2)}</pre></div></details>`,
)}
</main>
</body>
</html>`;
}

function routeHtml(path: string, method: string, operation: Operation, origin: string) {
  const { summary, description, parameters, requestBody, responses } = operation;
  const scope = operation["x-scope"];
  const given = parameters.filter((parameter) => parameter.in !== "path");
  return html`<details><summary><code>${method} ${path}</code> ${summary} <span class="scope">(${scope === "public" ? "no token" : `scope ${scope}`})</span></summary><div>
<p>${codeIn(description)}</p>
${given.length > 0 ? html`<table><caption hidden>Parameters</caption>${given.map((one) => html`<tr><th><code>${one.name}</code></th><td>${codeIn(one.description)}</td></tr>`)}</table>` : ""}
${requestBody ? html`<p>Body: ${bodiesHtml(requestBody.content)}.</p>` : ""}
<ul>${Object.entries(responses).map(([status, { description, content }]) => html`<li>${status === "default" ? "error" : status}: ${codeIn(description)}: ${bodiesHtml(content)}</li>`)}</ul>
<pre tabindex="0">${curlFor(path, method, operation, origin)}</pre>
</div></details>`;
}

/** Shows what stands between backquotes as code. */
function codeIn(text: unknown) {
  return String(text ?? "")
    .split("`")
    .map((part, i) => (i % 2 === 1 ? html`<code>${part}</code>` : part));
}

function bodiesHtml(content: Record<string, unknown>) {
  return Object.entries(content).map(([type, body], i) => {
    const name = ((body as { schema: { $ref?: string } }).schema.$ref ?? "").split("/").at(-1);
    return html`${i > 0 ? " or " : ""}${name ? html`<a href="#${name}">${name}</a> as ` : ""}<code>${type}</code>`;
  });
}

function curlFor(path: string, method: string, operation: Operation, origin: string): string {
  const types = Object.keys(operation.requestBody?.content ?? {});
  return [
    `curl -s ${method === "GET" ? "" : `-X ${method} `}'${origin}${path}'`,
    ...(operation["x-scope"] === "public" ? [] : [`-H "authorization: Bearer $UPRIVER_TOKEN"`]),
    ...(types[0]
      ? [
          `-H 'content-type: ${types[0]}'`,
          types[0] === "application/json" ? `-d '${bodyFor(operation)}'` : "--data-binary @file",
        ]
      : []),
  ].join(" \\\n  ");
}

function bodyFor({ requestBody }: Operation): string {
  const example = (requestBody?.content["application/json"] as { example?: unknown } | undefined)?.example;
  return example === undefined ? "{…}" : JSON.stringify(example);
}

function slugOf(name: string): string {
  return name.toLowerCase().replaceAll(" ", "-");
}
