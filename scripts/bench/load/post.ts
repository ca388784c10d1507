import { type Agent, request } from "node:http";

/** Long enough for everything that is answered at all. */
const timeoutMs = 30_000;

/** Posts JSON over kept connections. Rejects where no response comes. */
export function post(
  agent: Agent,
  url: string,
  token: string,
  body: string,
): Promise<{ status: number; text: string }> {
  const headers = { authorization: `Bearer ${token}`, "content-type": "application/json" };
  return new Promise((resolve, reject) => {
    const sent = request(url, { agent, method: "POST", headers, timeout: timeoutMs }, (response) => {
      response.toArray().then((parts) => {
        resolve({ status: response.statusCode ?? 0, text: Buffer.concat(parts).toString() });
      }, reject);
    });
    sent.once("timeout", () => sent.destroy(new Error("no response came in time")));
    sent.once("error", reject);
    sent.end(body);
  });
}
