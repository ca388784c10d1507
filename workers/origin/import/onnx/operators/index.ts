import type { Convert } from "../call.ts";
import { convolutions } from "./convolutions.ts";
import { elementwise } from "./elementwise.ts";
import { normalisations } from "./normalisations.ts";
import { parts } from "./parts.ts";
import { pools } from "./pools.ts";
import { products } from "./products.ts";
import { quantised } from "./quantised.ts";
import { recurrent } from "./recurrent.ts";
import { reductions } from "./reductions.ts";
import { resizing } from "./resize.ts";
import { shapes } from "./shapes.ts";

/** All operators that can be converted, by their names in ONNX. */
export const operators: ReadonlyMap<string, Convert> = new Map(
  Object.entries({
    ...{ ...elementwise, ...shapes, ...parts, ...products, ...reductions, ...normalisations },
    ...{ ...convolutions, ...pools, ...recurrent, ...quantised, ...resizing },
  }),
);
