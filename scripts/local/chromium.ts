import { existsSync } from "node:fs";

/** A real Chromium, where there is one; CHROME_PATH names another. */
export const chromiumPath = [process.env.CHROME_PATH, "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);
