// A double of the origin for `npm run bench -- load`: it accepts every question after some milliseconds. Posts its port.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { parentPort, workerData } from "node:worker_threads";
import type { Question } from "#core/contract/index.ts";

const { delayMs } = workerData as { delayMs: number };

const server = createServer(async (request, response) => {
  const [, , , model = ""] = (request.url ?? "").split("/");
  const text = Buffer.concat(await request.toArray()).toString();
  await wait(delayMs);
  const { questions = [] } = JSON.parse(text || "{}") as { questions?: Question[] };
  const said = { status: "answered", label: "yes", scores: { no: 0.05, yes: 0.95 }, confidence: 0.95, accepted: true };
  const answers = questions.map(({ id, region }) => {
    return { id, model, region, ...said, rung: "origin", version: "1", certificate: null };
  });
  response.writeHead(200, { "content-type": "application/json" });
  response.end(JSON.stringify({ answers }));
});
server.listen(0, "127.0.0.1", () => parentPort?.postMessage((server.address() as AddressInfo).port));
