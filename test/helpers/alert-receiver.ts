// A receiver of alerts, run as a process: node alert-receiver.ts <port> <file> <dies|answers>
// It appends each request to the file. One that dies ends after it has written a request and before it answers.
import { appendFileSync } from "node:fs";
import { createServer } from "node:http";

const [port, file, mode] = process.argv.slice(2);
createServer(async (request, response) => {
  let body = "";
  for await (const chunk of request) body += chunk;
  appendFileSync(file as string, `${JSON.stringify({ url: request.url, headers: request.headers, body })}\n`);
  if (mode === "dies") process.exit(9);
  if (request.url === "/moved") response.writeHead(302, { location: "/elsewhere" }).end();
  else response.end("ok");
}).listen(Number(port), "127.0.0.1", () => console.log("listening"));
