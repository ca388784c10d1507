import { receivedError, type SentError, sentError } from "./errors.ts";
import type { DeviceApi, Emit } from "./types.ts";

/** A side of a channel between a page and its worker. */
export interface Port {
  postMessage(message: unknown, transfer: Transferable[]): void;
  addEventListener(type: "message", listener: (event: MessageEvent) => void): void;
}

type Message =
  | { call: number; method: string; args: unknown[] }
  | { reply: number; value?: unknown; error?: SentError }
  | { event: string; detail: unknown; ack: number }
  | { acked: number };

/** Returns the functions of the other side. Events of it go to `emit`, and are acknowledged once that has handled them. */
export function remoteApi(port: Port, emit: Emit): { call: (method: string, args: unknown[]) => Promise<unknown> } {
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  let next = 0;
  port.addEventListener("message", ({ data }: MessageEvent<Message>) => {
    if ("reply" in data) {
      const waiting = pending.get(data.reply);
      pending.delete(data.reply);
      if (data.error) waiting?.reject(receivedError(data.error));
      else waiting?.resolve(data.value);
    } else if ("event" in data) {
      const handled = () => port.postMessage({ acked: data.ack }, []);
      void emit(data.event as never, data.detail as never).then(handled, handled);
    }
  });
  return {
    call(method, args) {
      const call = next++;
      const reply = Promise.withResolvers<unknown>();
      pending.set(call, reply);
      port.postMessage({ call, method, args }, args.flatMap(transferable));
      return reply.promise;
    },
  };
}

/** Serves functions to the other side: `open` makes them, with the way to emit events. */
export function serveApi(port: Port, open: (options: never, emit: Emit) => Promise<DeviceApi>): void {
  const unacknowledged = new Map<number, () => void>();
  let next = 0;
  let api: DeviceApi | null = null;
  const emit: Emit = (event, detail) =>
    new Promise((resolve) => {
      const ack = next++;
      unacknowledged.set(ack, resolve);
      port.postMessage({ event, detail, ack }, []);
    });
  const run = async (method: string, args: unknown[]): Promise<unknown> => {
    if (method === "open") {
      api = await open(args[0] as never, emit);
      return undefined;
    }
    return (api as unknown as Record<string, (...args: unknown[]) => unknown>)[method]?.(...args);
  };
  port.addEventListener("message", ({ data }: MessageEvent<Message>) => {
    if ("acked" in data) {
      unacknowledged.get(data.acked)?.();
      unacknowledged.delete(data.acked);
    } else if ("call" in data) {
      const reply = data.call;
      void run(data.method, data.args).then(
        (value) => port.postMessage({ reply, value }, []),
        (error: unknown) => port.postMessage({ reply, error: sentError(error) }, []),
      );
    }
  });
}

/** Lists what moves to the other side instead of being copied. */
function transferable(value: unknown): Transferable[] {
  if (Array.isArray(value)) return value.flatMap(transferable);
  return typeof ImageBitmap !== "undefined" && value instanceof ImageBitmap ? [value] : [];
}
