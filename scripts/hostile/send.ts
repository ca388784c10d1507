import { Agent, request } from "node:http";
import type { HostileRequest } from "./requests.ts";

export interface Reply {
  status: number;
  text: string;
}

/** The most of a reply that is kept. */
const textMaxChars = 2_000;
const timeoutMs = 60_000;

/** Returns a function that sends requests as they are: `fetch` would correct their paths. */
export function sender(
  url: string,
  connections: number,
): { send: (hostile: HostileRequest) => Promise<Reply>; end: () => void } {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const { hostname, port } = new URL(url);
  const send = ({ method, path, headers, body }: HostileRequest) =>
    new Promise<Reply>((resolve, reject) => {
      const own = { ...headers, ...(body === null ? {} : { "content-length": String(Buffer.byteLength(body)) }) };
      const sent = request({ agent, hostname, port, method, path, headers: own, timeout: timeoutMs }, (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (chunk: string) => {
          if (text.length < textMaxChars) text += chunk;
        });
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("error", reject);
      });
      sent.on("timeout", () => sent.destroy(new Error(`no reply in ${timeoutMs} ms`)));
      // A server that refuses a large body may close the connection before it has read all of it.
      sent.on("error", (error: NodeJS.ErrnoException) =>
        error.code === "EPIPE" || error.code === "ECONNRESET"
          ? resolve({ status: 0, text: error.code })
          : reject(error),
      );
      sent.end(body ?? undefined);
    });
  return { send, end: () => agent.destroy() };
}
