import type { Page } from "puppeteer-core";
import type { Shown } from "./shown-ladder.ts";

/** A picture of the console: a page, and what is done on it before. */
export interface Shot {
  name: string;
  path: string;
  act?: (page: Page) => Promise<unknown>;
  /** Whether only what is on the screen is taken: a dialog is not part of the page. */
  isDialog?: boolean;
  /** Whether the ladder serves no model. */
  isEmpty?: boolean;
}

const press = async (page: Page, name: string) => {
  const button = await page.waitForSelector(`::-p-aria(${name}[role="button"])`, { timeout: 10_000 });
  await button?.click();
};
const openDetails = (page: Page) =>
  page.$$eval("main details:not([open]) > summary", (summaries) => {
    for (const summary of summaries) (summary as HTMLElement).click();
  });
const dialog = (name: string, path: string, button: string): Shot => ({
  ...{ name, path, isDialog: true },
  act: async (page) => {
    await press(page, button);
    await page.waitForSelector("dialog[open]");
  },
});

/** Opens the review page under one name, since each reviewer reserves the questions that it shows. */
async function review(page: Page, path: string): Promise<void> {
  await page.evaluate((to) => {
    localStorage.setItem("upriver-reviewer", "ann");
    location.hash = `#/${to}`;
  }, path);
  await page.waitForSelector("[data-question], main .empty");
}

/** Signs out, and in again with a token that nobody has. */
async function signIn(page: Page): Promise<void> {
  await press(page, "Sign out");
  await page.type("#token", "no-such-token");
  await press(page, "Sign in");
  await page.waitForSelector("main [role=alert]");
}

/** Opens the documentation of the API, with its first operations open or not. */
async function openDocs(page: Page, isOpen: boolean): Promise<void> {
  await page.goto(new URL("/docs", page.url()).href);
  if (!isOpen) return;
  await page.$$eval("main > h2:first-of-type ~ details", (all) => {
    for (const one of all.slice(0, 8)) (one as HTMLDetailsElement).open = true;
  });
}

/** The pictures of every page, tab and dialog. */
export function shotsOf({ models }: Shown): Shot[] {
  return [
    { name: "overview", path: "overview" },
    // Rates need two polls.
    { name: "overview-live", path: "overview?range=live", act: () => new Promise((end) => setTimeout(end, 4_500)) },
    { name: "access", path: "access" },
    dialog("access-rotate", "access", "Rotate"),
    dialog("access-revoke", "access", "Revoke"),
    { name: "demo", path: "demo" },
    dialog("demo-start", "demo", "Start the demo"),
    dialog("keys", "overview", "Keys"),
    { name: "focus", path: "overview", act: (page) => page.keyboard.press("Tab") },
    { name: "sign-in", path: "overview", act: signIn },
    { name: "docs", path: "overview", act: (page) => openDocs(page, false) },
    { name: "docs-open", path: "overview", act: (page) => openDocs(page, true) },
    { name: "no-such-page", path: "nowhere" },
    { name: "no-such-region", path: `regions/${models[0]?.model}/nowhere` },
    ...models.flatMap((one) => shotsOfModel(one)),
    ...["overview", "models", "access", "demo"].map((path) => ({ name: `empty-${path}`, path, isEmpty: true })),
    ...["File", "Draw", "Camera"].map((way) => ({
      ...{ name: `pictures-${way.toLowerCase()}`, path: "try/pictures" },
      act: (page: Page) => press(page, way),
    })),
    {
      ...{ name: "pictures-teach", path: "try/pictures" },
      act: async (page) => {
        await press(page, "On this device");
        await page.waitForSelector("[data-device]");
        await openDetails(page);
        await page.waitForSelector("[data-live]");
      },
    },
    dialog("storefront-promote", "models/storefront", "Compare and promote"),
    dialog("storefront-canary", "models/storefront", "Start a canary"),
    dialog("storefront-roll-back", "models/storefront", "Roll back to 1"),
    dialog("tickets-end-canary", "models/tickets", "End the canary"),
    {
      ...{ name: "tickets-review-flag", path: "access", isDialog: true },
      act: async (page) => {
        await review(page, "review/tickets");
        await page.keyboard.press("f");
      },
    },
    dialog("tickets-remove-webhook", "alerts/tickets", "Remove"),
  ];
}

function shotsOfModel({ model, region, question }: Shown["models"][number]): Shot[] {
  const of = (name: string) => `${model}-${name}`;
  const at = (page: string) => `${page}/${model}`;
  return [
    { name: of("regions"), path: at("regions") },
    { name: of("regions-charts"), path: at("regions"), act: openDetails },
    { name: of("region"), path: `${at("regions")}/${region}` },
    { name: of("region-open"), path: `${at("regions")}/${region}`, act: openDetails },
    dialog(of("region-retrain"), `${at("regions")}/${region}`, "Retrain now"),
    { name: of("questions"), path: at("questions") },
    { name: of("questions-none"), path: `${at("questions")}?since=2100-01-01` },
    { name: of("question"), path: `${at("questions")}/${question}` },
    dialog(of("question-forget"), `${at("questions")}/${question}`, "Forget"),
    { name: of("question-gone"), path: `${at("questions")}/0199aaaa-0000-7000-8000-000000000000` },
    { name: of("data"), path: at("data") },
    {
      ...{ name: of("data-read"), path: `${at("data")}?region=${region}` },
      act: async (page) => {
        await press(page, "Read the samples");
        await press(page, "Find suspects");
        await page.waitForSelector("form[aria-label='Filter of samples']");
        await page.waitForFunction(() => !document.body.textContent.includes("Looking …"));
      },
    },
    { name: of("models"), path: at("models") },
    { name: of("models-open"), path: at("models"), act: openDetails },
    {
      ...dialog(of("report"), at("models"), "Report"),
      act: async (page) => {
        await press(page, "Report");
        const frame = await (await page.waitForSelector("dialog[open] iframe"))?.contentFrame();
        await frame?.waitForSelector("svg");
      },
    },
    { name: of("alerts"), path: at("alerts") },
    { name: of("review"), path: "access", act: (page) => review(page, at("review")) },
    { name: of("try"), path: at("try") },
    {
      ...{ name: of("try-asked"), path: at("try") },
      act: async (page) => {
        await press(page, "Ask");
        await page.waitForSelector(".result");
        await openDetails(page);
      },
    },
    { name: of("try-json"), path: at("try"), act: (page) => press(page, "JSON") },
    {
      ...{ name: of("try-device"), path: at("try") },
      act: async (page) => {
        await press(page, "On this device");
        await press(page, "Ask");
        await page.waitForSelector(".result");
      },
    },
  ];
}
