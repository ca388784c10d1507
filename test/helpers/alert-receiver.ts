// A receiver of alerts as OPERATIONS.md describes one, run as a process: node alert-receiver.ts <port> <folder> <secret> <dies|answers>
// It appends each request to deliveries.ndjson, and each signed event, once, to events.ndjson. One that dies ends after it has
// stored an event and before it answers.
import { createHmac, timingSafeEqual } from "node:crypto";
import { appendFileSync, existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import { join } from "node:path";

const [port, folder = "", secret = "", mode] = process.argv.slice(2);
const oldestMs = 5 * 60_000;
const events = join(folder, "events.ndjson");

function isSigned(header: unknown, body: string): boolean {
  const [, at, given] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(String(header)) ?? [];
  if (at === undefined || given === undefined || Math.abs(Date.now() - Number(at)) > oldestMs) return false;
  const expected = createHmac("sha256", secret).update(`${at}.${body}`).digest();
  return timingSafeEqual(expected, Buffer.from(given, "hex"));
}

function isKnown(id: unknown): boolean {
  const lines = existsSync(events) ? readFileSync(events, "utf8").split("\n").filter(Boolean) : [];
  return lines.some((line) => JSON.parse(line).id === id);
}

createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  const { url, headers } = request;
  appendFileSync(join(folder, "deliveries.ndjson"), `${JSON.stringify({ url, headers, body })}\n`);
  if (url === "/moved") return response.writeHead(302, { location: "/elsewhere" }).end();
  if (!isSigned(headers["upriver-signature"], body)) return response.writeHead(401).end();
  const id = headers["upriver-event"];
  if (!isKnown(id)) appendFileSync(events, `${JSON.stringify({ id, body })}\n`);
  if (mode === "dies") process.exit(9);
  return response.end("ok");
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));
