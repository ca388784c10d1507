// Serves the edge in workerd, configured by the environment: UPRIVER_FOLDER (secrets and data), UPRIVER_PORT, UPRIVER_DEMO
// (the file of the console's demo, if any), and settings that replace those of wrangler.toml. `npm start` runs it: node scripts/local/edge.process.ts
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { localWebhooksSetting } from "#core/alerts.ts";
import { doubleSetting } from "#core/rung/external/endpoint.ts";
import { addDemo } from "./edge-files.ts";
import { isInstalled, root } from "./process.ts";
import { bundle, readSettings, settingsOf, startWorkerd } from "./workerd.ts";

const { UPRIVER_FOLDER: folder = root, UPRIVER_PORT: port, UPRIVER_DEMO: demo } = process.env;
const bundled = await bundle("wrangler.toml");
// A project that uses the package has settings of its own.
const own = join(folder, "wrangler.toml");
const isProject = isInstalled && existsSync(own);
const settings = { ...(await settingsOf(bundled)), ...(isProject ? await readSettings(own) : {}) };
for (const name of Object.keys(settings)) settings[name] = process.env[name] ?? (settings[name] as string);
// Everything is on this machine, and workerd has no jurisdictions.
settings.JURISDICTION = "";
settings[localWebhooksSetting] = "true";
const double = process.env[doubleSetting];
if (double) settings[doubleSetting] = double;
const secrets = parseEnv(await readFile(join(folder, ".dev.vars"), "utf8")) as Record<string, string>;
const files = join(root, "workers/console/dist");
await startWorkerd({
  bundled,
  state: join(folder, ".wrangler", "state", "v3"),
  port: Number(port),
  bindings: { ...settings, ...secrets },
  assets: demo ? await addDemo(files, demo, folder) : files,
  isLocated: true,
  onLog: (line) => console.log(line),
});
