import { bounded } from "#core/http/body.ts";
import { isRedirect } from "#core/http/redirect.ts";

/** How long a reply may take, its body included: a blob has 20 MiB at most. */
const replyMs = 10_000;
const blobMs = 120_000;
const jsonMaxBytes = 16 * 1024 * 1024;

/** Why the rung above did not give what was asked for. `cut`: it can't be reached, or does not work. */
export type AboveFault = "cut" | "revoked" | "missing";

/** The rung above gave no reply that can be used. */
export class AboveError extends Error {
  override readonly name = "AboveError";
  readonly fault: AboveFault;
  constructor(fault: AboveFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.fault = fault;
  }
}

/** A reply's text and tag; null where nothing has changed since the tag that was sent. */
export interface Tagged {
  text: string;
  tag: string | null;
}

/** The rung above, as its node asks it: with the node's own token, and following no redirect. */
export class Above {
  readonly url: string;
  private readonly token: string;

  constructor(url: string, token: string) {
    this.url = url.replace(/\/+$/, "");
    this.token = token;
  }

  async text(path: string): Promise<string> {
    return ((await this.tagged(path, null)) as Tagged).text;
  }

  /** Reads what has changed since `tag`; null where nothing has. */
  async tagged(path: string, tag: string | null): Promise<Tagged | null> {
    const response = await this.send(path, tag === null ? {} : { headers: { "if-none-match": tag } }, replyMs);
    if (response.status === 304) return null;
    const text = new TextDecoder().decode(await bodyOf(response, jsonMaxBytes));
    return { text, tag: response.headers.get("etag") };
  }

  async blob(sha256: string, maxBytes: number): Promise<ArrayBuffer> {
    return bodyOf(await this.send(`/v1/blobs/${sha256}`, {}, blobMs), maxBytes);
  }

  /**
   * Sends a request that changes something there. Returns what it replied, also where it refuses this request; throws where it can't
   * be reached, is busy, or does not take the node's token.
   */
  async call(method: "POST" | "PUT" | "DELETE", path: string, body?: unknown): Promise<Called> {
    const json = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
    const response = await this.send(path, { method, ...(body === undefined ? {} : json) }, replyMs, isRefusal);
    const text = new TextDecoder().decode(await bodyOf(response, jsonMaxBytes));
    const reply = parsed(text);
    const detail = typeof reply === "object" && reply && "detail" in reply ? String(reply.detail).slice(0, 500) : "";
    return { status: response.status, reply, detail };
  }

  private async send(
    path: string,
    init: { method?: string; headers?: Record<string, string>; body?: string },
    timeoutMs: number,
    isTaken: (status: number) => boolean = () => false,
  ): Promise<Response> {
    const headers = { ...init.headers, authorization: `Bearer ${this.token}` };
    const signal = AbortSignal.timeout(timeoutMs);
    const response = await fetch(`${this.url}${path}`, { ...init, headers, redirect: "manual", signal }).catch(
      (cause: unknown) => {
        throw new AboveError(
          "cut",
          signal.aborted ? `${this.url} did not reply in time` : `${this.url} can't be reached`,
          {
            cause,
          },
        );
      },
    );
    if (response.ok || response.status === 304 || isTaken(response.status)) return response;
    await response.body?.cancel();
    if (isRedirect(response)) throw new AboveError("cut", `${this.url} redirects, which is not followed`);
    const { status } = response;
    const reason = `${this.url} replied to ${path} with status ${status}`;
    if (status === 401 || status === 403) throw new AboveError("revoked", reason);
    throw new AboveError(status === 404 || status === 405 ? "missing" : "cut", reason);
  }
}

/** What the rung above replied: its JSON, and where it is a problem document, the detail. */
export interface Called {
  status: number;
  reply: unknown;
  detail: string;
}

/** Whether a status refuses a request for what it is: another one may be taken. 401 refuses the node, 429 says later. */
function isRefusal(status: number): boolean {
  return status >= 400 && status < 500 && status !== 401 && status !== 408 && status !== 429;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

async function bodyOf(response: Response, maxBytes: number): Promise<ArrayBuffer> {
  try {
    return await bounded(response.body, maxBytes);
  } catch (cause) {
    throw new AboveError("cut", "the reply of the rung above broke off, or was too large", { cause });
  }
}
