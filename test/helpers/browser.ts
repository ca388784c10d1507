import puppeteer, { type Browser, type Page } from "puppeteer-core";
import { chromiumHere } from "./system-packages.ts";

/** Viewports and colour schemes in which pages are checked. */
export const sights = [
  { name: "desktop-light", width: 1440, height: 900, scheme: "light" },
  { name: "desktop-dark", width: 1440, height: 900, scheme: "dark" },
  { name: "phone-light", width: 390, height: 844, scheme: "light" },
  { name: "phone-dark", width: 390, height: 844, scheme: "dark" },
] as const;
export type Sight = (typeof sights)[number];

/** @param flags of Chromium, besides the usual ones */
export async function openBrowser(flags: readonly string[] = []): Promise<Browser> {
  return puppeteer.launch({
    executablePath: (await chromiumHere()) as string,
    args: [
      ...["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"],
      // A camera with a moving pattern, and permission without a prompt.
      ...["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
      ...flags,
    ],
  });
}

/** Opens a page of the console, signed in; `check` throws the errors that the page logged. */
export async function openConsole(
  browser: Browser,
  { edge, token, sight = sights[0], path = "" }: { edge: string; token: string; sight?: Sight; path?: string },
): Promise<{ page: Page; check: () => void }> {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on("pageerror", (error) => complaints.push(String(error)));
  page.on("console", (message) => {
    // Chromium logs failed requests by itself; the page handles them.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource"))
      complaints.push(message.text());
  });
  await page.setViewport({ width: sight.width, height: sight.height, deviceScaleFactor: 1 });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: sight.scheme },
    { name: "prefers-reduced-motion", value: "reduce" },
  ]);
  await page.goto(`${edge}/console/#token=${encodeURIComponent(token)}`, { waitUntil: "load" });
  await page.waitForSelector("header nav");
  if (path) await page.goto(`${edge}/console/#/${path}`);
  const check = () => {
    if (complaints.length > 0) throw new Error(`The page logged errors: ${complaints.join("; ")}`);
  };
  return { page, check };
}
