import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createModel } from "#origin/import/create.ts";
import { publish } from "#origin/publish.ts";
import { seededRandom, shuffled } from "#origin/random.ts";
import { DeviceTab } from "../local/device-tab.ts";
import type { Place } from "./device-offline.ts";
import { blocksOf, type Digit } from "./examples-data.ts";

/** What a device learned by itself, in each choice of examples. */
export interface Personal {
  seeds: { seed: number; accuracy: number; ms: number; bytes: number }[];
  /** Accuracy on a second device after the contribution of the first, and after its withdrawal. */
  second: number;
  afterWithdrawal: number;
  /** Whether the region's sums were bit for bit as before. */
  sumsRestored: boolean;
}

const model = "doodles";
const region = "world";
const taughtDigits = [0, 1, 2, 3, 4];
const examplesEach = 10;

/** Teaches digits to a device that knows drawings. Null where the shared folder has no such model or data. */
export async function playPersonal(place: Place, shared: string, seeds: number): Promise<Personal | null> {
  const { ladder, server, browser } = place;
  const [base, data] = [join(shared, "models/doodlenet"), join(shared, "data/optdigits/optdigits.tes")];
  if (!existsSync(base) || !existsSync(data)) return null;
  await publishDoodles(place, base);
  const digits = (await readFile(data, "utf8")).trim().split("\n").map(digitOf);
  const own = digits.filter(({ label }) => taughtDigits.some((digit) => label === labelOf(digit)));
  const { tokens } = ladder.credentials;
  const options = { url: server.url, token: tokens.contribute, model, region };
  const tab = await DeviceTab.open(browser, options);
  const found: Personal["seeds"] = [];
  let rest: Digit[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    await tab.forget();
    const order = Array.from(shuffled(own.length, seededRandom(seed)), (i) => own[i] as Digit);
    const taught = taughtDigits.flatMap((digit) =>
      order.filter(({ label }) => label === labelOf(digit)).slice(0, examplesEach),
    );
    rest = own.filter((digit) => !taught.includes(digit));
    const before = server.sentBytes();
    let ms = 0;
    for (const { instance, label } of taught) ms += (await tab.learn(instance, label)).ms / taught.length;
    const accuracy = await accuracyOn(tab, rest);
    found.push({ seed, accuracy, ms, bytes: server.sentBytes() - before });
  }
  const sums = async () => Buffer.from(await ladder.client("publish").sums(model, region));
  const before = await sums();
  await tab.contribute();
  // Another profile: it shares nothing with the first.
  const other = await DeviceTab.open(await browser.createBrowserContext(), { ...options, token: tokens.ask });
  const second = await accuracyOn(other, rest);
  await tab.withdraw();
  const sumsRestored = before.equals(await sums());
  await other.update();
  const afterWithdrawal = await accuracyOn(other, rest);
  await tab.page.close();
  return { seeds: found, second, afterWithdrawal, sumsRestored };
}

async function publishDoodles({ ladder }: Place, base: string): Promise<void> {
  const names = (await readFile(join(base, "class_names.txt"), "utf8")).trim().split(/\r?\n/);
  const artefact = await createModel({ model, base, labels: names, keepHead: true, targetRisk: 0.05 });
  artefact.draft.policy.labels = "open";
  const publisher = ladder.client("publish");
  const { version } = await publish(publisher, artefact, ladder.credentials.signingKey);
  await publisher.rollout(model, { version });
}

async function accuracyOn(tab: DeviceTab, digits: readonly Digit[]): Promise<number> {
  const answers = await tab.ask(
    digits.map(({ instance }) => instance),
    false,
  );
  return answers.filter(({ label }, i) => label === digits[i]?.label).length / digits.length;
}

const labelOf = (digit: number) => `digit ${digit}`;

function digitOf(line: string): Digit {
  const values = line.split(",").map(Number);
  return { label: labelOf(values[64] as number), instance: blocksOf(values) };
}
