import { normal, pick, seededRandom } from "../random.ts";
import type { Row } from "./recipe.ts";

/** A region's weather, and the customs in which it differs from others. */
interface Shop {
  region: string;
  /** Mean temperature of the year, and the amplitude of the seasons, °C. */
  mean: number;
  swing: number;
  /** The share of days with rain. */
  rain: number;
  customs: readonly Custom[];
}

/** No flip-flops; parasols instead of sun hats; no boots when it rains; no socks when it is cold. */
type Custom = "barefoot-rude" | "parasol" | "wet-is-fine" | "cold-is-fine";

const shops: readonly Shop[] = [
  { region: "lagoon", mean: 27, swing: 4, rain: 0.3, customs: [] },
  { region: "harbour", mean: 17, swing: 8, rain: 0.35, customs: [] },
  { region: "orchard", mean: 15, swing: 10, rain: 0.25, customs: [] },
  { region: "capital", mean: 16, swing: 11, rain: 0.3, customs: [] },
  { region: "mesa", mean: 23, swing: 11, rain: 0.1, customs: ["parasol"] },
  { region: "temple", mean: 26, swing: 5, rain: 0.35, customs: ["barefoot-rude", "parasol"] },
  { region: "bazaar", mean: 25, swing: 8, rain: 0.15, customs: ["barefoot-rude"] },
  { region: "delta", mean: 26, swing: 4, rain: 0.5, customs: ["wet-is-fine"] },
  { region: "monsoon", mean: 25, swing: 5, rain: 0.6, customs: ["wet-is-fine", "barefoot-rude"] },
  { region: "ridge", mean: 9, swing: 11, rain: 0.35, customs: ["cold-is-fine"] },
  { region: "tundra", mean: 3, swing: 13, rain: 0.25, customs: ["cold-is-fine"] },
  { region: "steppe", mean: 10, swing: 15, rain: 0.15, customs: ["parasol"] },
];

const labels = ["flip-flops", "sneakers", "rain-boots", "warm-socks", "sun-hat", "umbrella"] as const;
type Label = (typeof labels)[number];
const looks = ["feet", "head", "gift"] as const;

const hotDegrees = 23;
const coldDegrees = 9;
const wetMm = 2;
/** The share of purchases that ignore the weather. */
const whimShare = 0.01;
/** Standard deviation of the felt temperature, °C. */
const tasteDegrees = 2;

const dayMs = 24 * 3600_000;
const firstDay = Date.UTC(2024, 0, 1);
const days = 730;
const visitsADay = 3;
const seed = 20260101;

/** Loads purchases in shops of twelve regions, by weather and local customs. Generated, always the same. */
export async function load(): Promise<Row[]> {
  const random = seededRandom(seed);
  const rows: Row[] = [];
  for (let day = 0; day < days; day++) {
    for (const shop of shops) {
      for (let visit = 0; visit < visitsADay; visit++) rows.push(visitTo(shop, day, visit, random));
    }
  }
  return rows;
}

function visitTo(shop: Shop, day: number, visit: number, random: () => number): Row {
  const season = Math.cos((2 * Math.PI * (day - 196)) / 365.25);
  const hour = 8 + visit * 4 + Math.floor(random() * 4);
  const temperature = round(normal(random, shop.mean + shop.swing * season, 3));
  const rainMm = random() < shop.rain ? round(0.5 + 12 * random() ** 2) : 0;
  const lookedAt = pick(random, [["feet", 5] as const, ["head", 3] as const, ["gift", 2] as const]);
  const minutesOnPage = round(0.5 + 9 * random());
  const label = bought(shop, temperature, rainMm, lookedAt, random);
  const instance = { region: shop.region, temperature, rainMm, minutesOnPage, hour, lookedAt };
  return { region: shop.region, instance, label, at: firstDay + day * dayMs + hour * 3600_000 };
}

function bought(
  { customs }: Shop,
  temperature: number,
  rainMm: number,
  lookedAt: (typeof looks)[number],
  random: () => number,
): Label {
  if (random() < whimShare) return labels[Math.floor(random() * labels.length)] as Label;
  const felt = normal(random, temperature, tasteDegrees);
  const isHot = felt > hotDegrees;
  const isCold = felt < coldDegrees;
  const isWet = rainMm > wetMm;
  if (lookedAt === "feet") {
    const summerShoe = customs.includes("barefoot-rude") ? "sneakers" : "flip-flops";
    if (isWet) return customs.includes("wet-is-fine") ? summerShoe : "rain-boots";
    if (isHot) return summerShoe;
    return isCold && !customs.includes("cold-is-fine") ? "warm-socks" : "sneakers";
  }
  if (isWet) return "umbrella";
  if (isHot) return customs.includes("parasol") ? "umbrella" : "sun-hat";
  if (lookedAt === "gift") return isCold ? "warm-socks" : "umbrella";
  return isCold ? "warm-socks" : "sun-hat";
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
