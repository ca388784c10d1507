import { UpriverClient } from "#client/index.ts";
import { type SdkSetup, sdkCases } from "../client/sdk-cases.ts";

interface Settings {
  url: string;
  tokens: Record<string, string>;
  png: number[];
  pixels: number[][][];
}

/** Runs in the page: runs each case in turn and posts the results. */
const { url, tokens, png, pixels } = (await (await fetch("settings.json")).json()) as Settings;
const place: SdkSetup = {
  client: (scope, options) => new UpriverClient({ url, token: tokens[scope], ...options }),
  fetch: (input, init) => fetch(input, init),
  picture: { bytes: Uint8Array.from(png), pixels },
};
const results: Record<string, string> = {};
for (const [name, run] of Object.entries(sdkCases)) {
  results[name] = await run(place).then(
    () => "ok",
    (error: unknown) => String(error),
  );
}
await fetch("results", { method: "POST", body: JSON.stringify(results) });
