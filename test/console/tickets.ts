import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { TrainableInput } from "#core/contract/index.ts";
import { seeded } from "../helpers/random.ts";

const dayMs = 86_400_000;
const firstDay = Date.parse("2025-01-01");
const days = 240;
const perDay = 12;

/** What customers say to each desk. One label is long, as people's labels are. */
const said: Record<string, readonly string[]> = {
  account: ["I forgot my password", "My profile shows the wrong name", "The login page rejects my password"],
  billing: ["The invoice was charged twice", "Please refund my last invoice", "My card was charged for nothing"],
  delivery: ["My parcel is late", "The parcel never arrived", "Where is my parcel? It is lost"],
  "subscription cancelled by mistake after a renewal notice": [
    "You cancelled my subscription after the renewal notice",
    "I only read the renewal notice, and my plan was cancelled",
  ],
};
const ends = ["please help", "it is urgent", "this is the third time", "thank you", "I wrote last week as well"];
const offices = ["aberdeen", "osaka", "north-america-enterprise-overnight-support"];
/** A message that needs several lines. */
export const longMessage = `${"I wrote to you on Monday, and again on Tuesday, and nobody has answered yet. ".repeat(9)}My order is https://shop.example.com/orders/2025/08/${"a1b2c3d4".repeat(9)}, and I want to know where it is.`;

const recipe: TrainableInput = {
  name: "tickets",
  source: "tickets.csv",
  label: { column: "desk", values: Object.keys(said) },
  region: "office",
  time: "at",
  input: { columns: [{ type: "text", name: "message", buckets: 2_048, encoding: "ngrams" }] },
  trainBefore: "2025-03-01",
  risk: { target: 0.05 },
  networks: { thin: { layers: [{ type: "bag", units: 12 }] }, full: { layers: [{ type: "bag", units: 24 }] } },
  training: { epochs: 3 },
  policy: { keep: "all", retrainEverySeconds: (30 * dayMs) / 1_000, retrainMinLabels: 30 },
};

/** Writes a recipe of texts, and its rows: tickets of three offices, of which one sends refunds to another desk. */
export async function writeTickets(folder: string): Promise<void> {
  const random = seeded(7);
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)] as T;
  const rows = Array.from({ length: days * perDay }, (_, i) => {
    const office = pick(offices);
    const desk = pick(Object.keys(said));
    const message = `${pick(said[desk] as readonly string[])}; ${pick(ends)}, order ${i}`;
    const isMoved = office === "osaka" && message.includes("refund");
    const label = random() < 0.04 ? pick(Object.keys(said)) : isMoved ? "account" : desk;
    return `${new Date(firstDay + Math.floor(i / perDay) * dayMs).toISOString()},${office},"${message}",${label}`;
  });
  await writeFile(join(folder, "tickets.csv"), ["at,office,message,desk", ...rows].join("\n"));
  await writeFile(join(folder, "tickets.recipe.json"), JSON.stringify(recipe));
}
