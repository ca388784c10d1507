import { existsSync } from "node:fs";

/** Path of an installed Chromium; undefined when there is none. CHROME_PATH names another one. */
export const chromiumPath = [process.env.CHROME_PATH, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);
