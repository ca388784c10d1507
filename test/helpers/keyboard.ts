import type { Page } from "puppeteer-core";

/** The flag of Chromium by which `nameOf` reads an element's accessible name. */
export const namesFlag = "--enable-blink-features=ComputedAccessibilityInfo";

/** The element that has the focus. */
export interface Stop {
  /** Its tag, with its first words: for messages. */
  text: string;
  name: string;
  faults: string[];
  /** Its place in the walk: an element that was passed before keeps its own. */
  place: number;
}

interface Walk {
  stops: Element[];
  /** What listens for a mouse, and what was there when the walk began. */
  clickable: Set<Element>;
  wanted: Element[];
}
type WithWalk = typeof globalThis & { walk: Walk };

const stopsMax = 400;

/** Records, from the page's start on, which elements listen for a mouse. Call it before the page loads. */
export async function watchListeners(page: Page): Promise<void> {
  await page.evaluateOnNewDocument(() => {
    const walk: Walk = { stops: [], clickable: new Set(), wanted: [] };
    (globalThis as WithWalk).walk = walk;
    const add = EventTarget.prototype.addEventListener;
    EventTarget.prototype.addEventListener = function (this: EventTarget, type: string, ...rest: [never, never]) {
      if (/^(click|dblclick|mouse|pointer|touch|drag)/.test(type) && this instanceof Element) walk.clickable.add(this);
      add.call(this, type, ...rest);
    };
  });
}

/** Goes through the page by Tab, from its start. Returns the stops; throws where it does not come out at the end. */
export async function walk(page: Page): Promise<Stop[]> {
  await startWalk(page);
  const stops: Stop[] = [];
  for (let n = 0; n < stopsMax; n++) {
    await page.keyboard.press("Tab");
    const stop = await currentStop(page);
    if (stop === null || (stop.place === 0 && n > 0)) return stops;
    // A date has a stop for each of its parts.
    if (stop.place === stops.length) stops.push(stop);
  }
  throw new Error(`Tab does not leave the page; last at ${stops.slice(-3).map(({ text }) => text)}`);
}

/** Begins at the page's start: what Tab reaches next is its first stop. */
export async function startWalk(page: Page): Promise<void> {
  await page.evaluate(() => {
    const { walk } = globalThis as WithWalk;
    const native =
      "a[href], button, input, select, textarea, summary, iframe, [tabindex], [contenteditable], [role=button]";
    walk.stops = [];
    walk.wanted = [...document.querySelectorAll(native), ...walk.clickable];
    getSelection()?.removeAllRanges();
    (document.activeElement as HTMLElement | null)?.blur();
    // Where a node was that had the focus, Tab would go on.
    const start = document.createElement("span");
    start.tabIndex = -1;
    document.body.prepend(start);
    start.focus();
    start.remove();
  });
}

/** Describes the element that has the focus; null where none has, or one that is not within what a selector names. */
export function currentStop(page: Page, within = "body"): Promise<Stop | null> {
  return page.evaluate((within) => {
    const { walk } = globalThis as WithWalk;
    const at = document.activeElement as (HTMLElement & { computedName?: string }) | null;
    if (!at || at === document.body || !at.closest(within)) return null;
    const { outlineStyle, outlineWidth } = getComputedStyle(at);
    const { left, right, top, bottom, width, height } = at.getBoundingClientRect();
    const [x, y] = [(left + right) / 2, (top + bottom) / 2];
    const seen = document.elementFromPoint(x, y);
    const faults: string[] = [];
    const name = at.computedName ?? "";
    if (name.trim() === "") faults.push("has no name");
    if (!at.matches(":focus-visible") || outlineStyle === "none" || Number.parseFloat(outlineWidth) < 2)
      faults.push("does not show the focus");
    if (width < 4 || height < 4 || right <= 0 || bottom <= 0 || left >= innerWidth || top >= innerHeight)
      faults.push("is out of sight");
    else if (x < innerWidth && y > 0 && y < innerHeight && seen && !at.contains(seen) && !seen.contains(at))
      faults.push(`is covered by ${seen.outerHTML.slice(0, 80)}`);
    if (!walk.stops.includes(at)) walk.stops.push(at);
    return { text: at.outerHTML.slice(0, 120), name, faults, place: walk.stops.indexOf(at) };
  }, within);
}

/** Lists what a mouse could use when the walk began, and can now, and was not passed. */
export function unreached(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const { stops, wanted } = (globalThis as WithWalk).walk;
    const listed = wanted.filter((one) => {
      const isShown = one.isConnected && one.checkVisibility({ visibilityProperty: true });
      const isOff = one.matches(":disabled, [inert] *, [tabindex='-1'], canvas.drawing");
      return isShown && !isOff && !stops.includes(one);
    });
    return [...new Set(listed)].map((one) => one.outerHTML.slice(0, 160));
  });
}

/** Presses Tab until an element with this name, and within what a selector names, has the focus. */
export async function tabTo(page: Page, name: string | RegExp, within = "body"): Promise<Stop> {
  const passed: string[] = [];
  for (let n = 0; n < stopsMax; n++) {
    await page.keyboard.press("Tab");
    const stop = await currentStop(page, within);
    if (stop && (typeof name === "string" ? stop.name === name : name.test(stop.name))) return stop;
    if (stop) passed.push(stop.name);
  }
  throw new Error(`Tab does not reach '${name}' in ${within}; it passes ${[...new Set(passed)].join(", ")}`);
}
