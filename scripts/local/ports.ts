import { createServer } from "node:net";
import { startCommand } from "./process.ts";

/** Throws an error that names the option when a port is in use. */
export async function checkPort(port: number, option: string): Promise<void> {
  const next = `Stop the program that uses it, or choose another port: ${option}=<port> ${startCommand}`;
  await checkFree("127.0.0.1", port, (what) => `Port ${port} ${what}. ${next}`);
}

/** Throws where nothing can listen on a port. `messageOf` completes "… is taken". */
export async function checkFree(host: string, port: number, messageOf: (what: string) => string): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    const probe = createServer();
    probe.once("error", ({ code }: NodeJS.ErrnoException) => {
      reject(new Error(messageOf(code === "EADDRINUSE" ? "is taken" : `can't be used (${code})`)));
    });
    probe.listen(port, host, () => probe.close(() => resolve()));
  });
}

/** Finds a port that is free now. */
export async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer();
    probe.once("error", reject);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => resolve(typeof address === "object" && address ? address.port : 0));
    });
  });
}
