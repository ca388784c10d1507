import type { ServerResponse } from "node:http";
import { serve } from "@hono/node-server";
import { RESPONSE_ALREADY_SENT } from "@hono/node-server/utils/response";
import type { ClassifyManifest } from "#core/contract/index.ts";
import { sha256Hex } from "#core/hash.ts";
import { loadNetwork } from "#core/model/network.ts";
import { servingEngine } from "#core/model/serving-engine.ts";
import { ModelRung } from "#core/rung/model-rung.ts";
import { createApp } from "#origin/app.ts";
import { failAs } from "./faults/origin-faults.ts";
import { testModel } from "./model.ts";
import { originModels } from "./origin-models.ts";

/** Starts an origin for the tests in workerd: the app of the origin with the full networks of the test models. */
export default async function setup(): Promise<() => Promise<void>> {
  const rungs = new Map<string, ModelRung>();
  const faults = new Map<string, string>();
  const asked = new Map<string, object[]>();
  const models = {
    // Of two owners, so that a test sees whether a token gets those of another.
    list: () => ["mine", "theirs"].map((model) => ({ model, version: 1 })),
    async rung(model: string): Promise<ModelRung> {
      const known = rungs.get(model) ?? (await buildRung(model));
      rungs.set(model, known);
      return known;
    },
  };
  const tokens = [
    {
      id: "edge",
      sha256: await sha256Hex("next-rung-token"),
      scopes: ["ask" as const, "publish" as const],
      models: ["*"],
      regions: ["*"],
    },
  ];
  const app = createApp({ nodeId: "origin", tokens, models, training: null, log });
  const server = serve({
    port: Number(process.env.UPRIVER_TEST_ORIGIN_PORT),
    fetch: (request, env) => answer(request, env as { outgoing: ServerResponse }),
  });

  // Simulates faults of a model's requests; a test sets one with PUT /fault/{model}/{fault}: down, slow, busy, none, or one of
  // `originFaults`.
  async function answer(request: Request, { outgoing }: { outgoing: ServerResponse }): Promise<Response> {
    const [, first, model = "", third, fourth, fifth] = new URL(request.url).pathname.split("/");
    if (first === "fault") {
      faults.set(model, third ?? "");
      return new Response();
    }
    const fault = faults.get(third ?? "");
    if (fault === "down") return new Response("down", { status: 503 });
    if (fault === "slow") await new Promise((resolve) => setTimeout(resolve, 1_500));
    if (first === "trainings") return Response.json(asked.get(model) ?? []);
    if (fourth === "trainings" && !fifth && request.method === "POST") return takeTraining(third ?? "", request);
    const good = await app.fetch(request);
    if (fourth !== "ask" || fault === undefined || !good.ok) return good;
    const reply = (await good.clone().json()) as { answers: Record<string, unknown>[] };
    return (await failAs(fault, reply, outgoing)) ? RESPONSE_ALREADY_SENT : good;
  }
  // Replies to an order for a training like an origin: 202, or 409 while another training is running.
  async function takeTraining(model: string, request: Request): Promise<Response> {
    const isKnown = request.headers.get("authorization") === "Bearer next-rung-token";
    const training = {
      id: `${asked.get(model)?.length ?? 0}`,
      model,
      state: "queued",
      ...((await request.json()) as object),
    };
    asked.set(model, [...(asked.get(model) ?? []), { ...training, isKnown }]);
    return Response.json({ training }, { status: faults.get(model) === "busy" ? 409 : 202 });
  }
  return () => new Promise((resolve) => server.close(() => resolve()));
}

// Prints unexpected errors only.
function log(line: Record<string, unknown>): void {
  if (line.event === "unexpected") console.error(line);
}

async function buildRung(model: string): Promise<ModelRung> {
  const { manifest, blobs } = await testModel({ model, ...originModels[model] });
  const network = await loadNetwork(
    servingEngine,
    (manifest as Required<ClassifyManifest>).full as NonNullable<ClassifyManifest["full"]>,
    async (blob) => (blobs.get(blob.sha256) as Uint8Array<ArrayBuffer>).buffer,
  );
  return new ModelRung({ name: "origin", manifest, network });
}
