import { fromBase64 } from "#core/bytes.ts";
import type { Pixels } from "#core/image/pixels.ts";
import inks from "./inks.json";

const { levels } = inks;
/** sRGB colours of a grid of inks: black changes fastest, then yellow, magenta, cyan. */
const colours = fromBase64(inks.srgb);
/** Distances in the grid between two levels of cyan, magenta, yellow, black. */
const strides = [levels ** 3, levels ** 2, levels, 1] as const;

/**
 * Converts inks (0 is none, 255 is full) to sRGB by the colours of a press, as libvips does for a file without a profile:
 * linear between the colours of a grid, which differ by 0.8 of 255 on average and by 20 at most (scripts/build-inks.ts).
 */
export function inksToSrgb(cyanMagentaYellow: Pixels, black: Pixels): Pixels {
  const { width, height, rgba: cmy } = cyanMagentaYellow;
  const rgba = new Uint8Array(4 * width * height);
  const [below, share] = [new Uint16Array(4), new Float32Array(4)];
  for (let at = 0; at < rgba.length; at += 4) {
    for (let ink = 0; ink < 4; ink++) {
      const amount = ((ink < 3 ? cmy[at + ink] : black.rgba[at]) as number) * ((levels - 1) / 255);
      below[ink] = Math.min(levels - 2, Math.floor(amount));
      share[ink] = amount - (below[ink] as number);
    }
    const sum = [0, 0, 0];
    for (let corner = 0; corner < 16; corner++) {
      let [weight, place] = [1, 0];
      for (let ink = 0; ink < 4; ink++) {
        const isAbove = (corner >> ink) & 1;
        weight *= isAbove ? (share[ink] as number) : 1 - (share[ink] as number);
        place += ((below[ink] as number) + isAbove) * (strides[ink] as number);
      }
      if (weight === 0) continue;
      for (let c = 0; c < 3; c++) sum[c] = (sum[c] as number) + weight * (colours[3 * place + c] as number);
    }
    rgba.set([...sum.map(Math.round), 255], at);
  }
  return { width, height, rgba };
}
