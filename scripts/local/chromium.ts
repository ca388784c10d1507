import { existsSync } from "node:fs";

/** Finds the path of an installed Chromium; undefined when there is none. CHROME_PATH names another one. */
export function findChromium(): string | undefined {
  return [process.env.CHROME_PATH, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
    (path) => path !== undefined && existsSync(path),
  );
}
