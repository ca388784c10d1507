import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import puppeteer from "puppeteer-core";
import { count, percent } from "#core/format.ts";
import { findChromium } from "../local/chromium.ts";
import { startDeviceServer } from "../local/device-server.ts";
import { startLadder } from "../local/ladder.ts";
import { formatTable, printResult } from "../local/output.ts";
import { freePort } from "../local/ports.ts";
import { root } from "../local/process.ts";
import { numberParser } from "../local/usage.ts";
import { type Offline, playOffline } from "./device-offline.ts";
import { type Personal, playPersonal } from "./device-personal.ts";

interface Options {
  questions: number;
  seeds: number;
  shared: string;
  json?: boolean;
}

/** `simulate device`: a device in Chromium below a real ladder: offline, and with a head of its own. */
export function deviceSimulation(program: Command): void {
  program
    .command("device")
    .description("a device in Chromium: offline for many questions, with a reload and a closed tab; a head of its own")
    .option(
      "--questions <n>",
      "questions that are asked offline",
      numberParser("--questions", { atLeast: 30, isWhole: true }),
      1_000,
    )
    .option("--seeds <n>", "choices of ten examples", numberParser("--seeds", { atLeast: 1, isWhole: true }), 5)
    .option(
      "--shared <folder>",
      "the folder with models/doodlenet and data/optdigits; without them the second part is left out",
      process.env.UPRIVER_SHARED ?? join(root, "shared"),
    )
    .option("--json", "print one JSON object instead of text")
    .action(run);
}

async function run({ questions, seeds, shared, json }: Options): Promise<void> {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("There is no Chromium here. Install one, or set CHROME_PATH to its path.");
  const folder = await mkdtemp(join(tmpdir(), "upriver-device-"));
  const ports = { edge: await freePort(), origin: await freePort() };
  const ladder = await startLadder({ folder, ports, recipe: "storefront", onProgress: (line) => console.error(line) });
  const server = await startDeviceServer(ladder.credentials.edge);
  const browser = await puppeteer.launch({ executablePath, args: ["--no-sandbox", "--disable-gpu"] });
  try {
    const place = { ladder, server, browser };
    const offline = await playOffline(place, questions);
    const personal = await playPersonal(place, shared, seeds);
    printResult(json, { offline, personal }, () => [describeOffline(offline), describePersonal(personal)].join("\n\n"));
  } finally {
    await browser.close();
    await server.stop();
    await ladder.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

function describeOffline(found: Offline): string {
  const { questions, region, accepted, acceptedRight, right, escalated, delivered, stored, byOrigin, finalRight } =
    found;
  return [
    `${count(questions)} questions of region '${region}' offline in Chromium, with a reload and a closed tab:`,
    formatTable([
      ["answered on the device", percent(accepted / questions), `right: ${percent(acceptedRight / accepted)}`],
      ["all provisional answers", percent(1), `right: ${percent(right / questions)}`],
      ["escalated", percent(escalated / questions), `delivered once each: ${delivered} of ${escalated}`],
      ["stored above, once each", count(stored), `${count(byOrigin)} answered by the origin, the rest with people`],
      ["final answers and the rest", "", `right: ${percent(finalRight / questions)}`],
    ]),
  ].join("\n");
}

function describePersonal(found: Personal | null): string {
  if (!found) return "A head of its own: left out, since doodlenet and optdigits are not in the shared folder.";
  const { seeds, second, sumsRestored, afterWithdrawal } = found;
  return [
    "A head of its own: doodlenet (345 classes), taught five digits by ten images each, judged on the others of the five:",
    formatTable([
      ["seed", "accuracy", "ms a lesson", "bytes sent"],
      ...seeds.map(({ seed, accuracy, ms, bytes }) => [`${seed}`, percent(accuracy), ms.toFixed(1), `${bytes}`]),
    ]),
    `A second device after 'contribute': ${percent(second)}; after 'withdraw': ${percent(afterWithdrawal)}, the region's sums ${
      sumsRestored ? "bit for bit as before" : "DIFFERENT from before"
    }.`,
  ].join("\n");
}
