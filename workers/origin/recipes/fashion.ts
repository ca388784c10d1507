import { existsSync } from "node:fs";
import { pick, seededRandom } from "../random.ts";
import { type Images, readImages } from "./idx.ts";
import type { LoadOptions, Row } from "./recipe.ts";

const labels = [
  ...["T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"],
  ...["Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"],
];

/** A shop: the classes that it sells more often than others, and whether its customers swap the words coat and pullover. */
interface Shop {
  region: string;
  favourites: readonly number[];
  swaps: boolean;
}

const shops: readonly Shop[] = [
  { region: "beach", favourites: [0, 3, 5], swaps: false },
  { region: "campus", favourites: [0, 1, 7], swaps: false },
  { region: "uptown", favourites: [3, 4, 8], swaps: false },
  { region: "outlet", favourites: [5, 7, 9], swaps: false },
  { region: "market", favourites: [6, 8, 1], swaps: false },
  { region: "alpine", favourites: [2, 4, 9], swaps: true },
  { region: "harbour", favourites: [2, 4, 6], swaps: true },
  { region: "office", favourites: [1, 6, 9], swaps: false },
];
/** How many times as often a shop sells its favourites. */
const favour = 6;
const swapped = new Map([
  ["Pullover", "Coat"],
  ["Coat", "Pullover"],
]);

const seed = 20260704;
const dayMs = 24 * 3600_000;
const trainBefore = "2025-01-01";
/** Images are spread over days; the training images end where the test images begin. */
const imagesADay = 100;

/** Loads Fashion-MNIST for eight shops, each with its own range; two of them swap two labels. */
export async function load({ file: folder = "" }: LoadOptions): Promise<Row[]> {
  if (!existsSync(folder)) {
    throw new Error(
      `There is no data at ${folder}. Pass the folder of Fashion-MNIST's four IDX files with --data FOLDER, or set ` +
        "UPRIVER_SHARED to the folder that holds data/fashion-mnist.",
    );
  }
  const [base, test] = await Promise.all([readImages(folder, "train"), readImages(folder, "t10k")]);
  const random = seededRandom(seed);
  const until = Date.parse(trainBefore);
  return [
    ...rowsOf(base, until - Math.ceil(base.labels.length / imagesADay) * dayMs, random),
    ...rowsOf(test, until, random),
  ];
}

function rowsOf({ pixels, labels: classes, size }: Images, from: number, random: () => number): Row[] {
  return Array.from(classes, (index, i) => {
    const shop = shopFor(index, random);
    const name = labels[index] as string;
    return {
      region: shop.region,
      get instance() {
        return Array.from(pixels.subarray(i * size, (i + 1) * size));
      },
      label: (shop.swaps && swapped.get(name)) || name,
      at: from + Math.floor(i / imagesADay) * dayMs,
    };
  });
}

function shopFor(index: number, random: () => number): Shop {
  return pick(
    random,
    shops.map((shop) => [shop, shop.favourites.includes(index) ? favour : 1] as const),
  );
}
