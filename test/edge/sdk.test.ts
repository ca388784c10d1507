import { exports } from "cloudflare:workers";
import { encode as encodePng } from "fast-png";
import { beforeAll, describe, it } from "vitest";
import { UpriverClient } from "#client/index.ts";
import { type SdkSetup, sdkCases } from "../client/sdk-cases.ts";
import { publish } from "../helpers/edge.ts";
import { sdkModels, sdkPixels } from "../helpers/sdk-models.ts";

const url = "https://edge.test";
const worker = (exports as unknown as { default: Fetcher }).default;
const send = ((input, init) => worker.fetch(input as RequestInfo, init as RequestInit)) as typeof fetch;
const tokens = { ask: "ask-token", teach: "teach-token", review: "review-token", admin: "admin-token" };
const place: SdkSetup = {
  client: (scope, options) => new UpriverClient({ url, token: tokens[scope], fetch: send, ...options }),
  fetch: send,
  picture: {
    bytes: new Uint8Array(encodePng({ width: 8, height: 6, channels: 3, data: Uint8Array.from(sdkPixels.flat(2)) })),
    pixels: sdkPixels,
  },
};

beforeAll(async () => {
  for (const options of sdkModels) await publish(options);
});

describe("the SDK in workerd", () => {
  for (const [name, run] of Object.entries(sdkCases)) it(name, () => run(place));
});
