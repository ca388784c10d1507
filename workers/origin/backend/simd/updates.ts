import { type Routine, routine } from "./assemble.ts";
import { type Code, f32x4, i32, i32x4, type Local, sequence, v128, whileBelow } from "./code.ts";
import { poolGradient } from "./pool.ts";

const vectorBytes = 16;
const floatBytes = 4;

/** mulberry32's increment (`random.ts`): the state after n numbers is the seed and n times this. */
export const randomIncrement = 0x6d2b79f5;

const bytesOf = (floats: Local): Code => i32.mul(floats.get, i32.const(floatBytes));

/**
 * Steps `count` values along their gradient with AdamW: value = kept · value − rate · m / (√(second · v) + epsilon), where m
 * and v are the running means of the gradient and its square.
 * @param rate the learning rate, divided by what corrects m's start from zero; `second` corrects v's
 */
const adam: Routine = routine(
  ["i32", "i32", "i32", "i32", "i32", "f32", "f32", "f32", "f32", "f32", "f32"],
  (local, ...params) => {
    const [value, gradient, m, v, count, kept, rate, second, beta1, beta2, epsilon] = params as Local[] as [
      ...[Local, Local, Local, Local, Local, Local, Local, Local, Local, Local, Local],
    ];
    const [at, end] = [local("i32"), local("i32")];
    const [slope, mean, square] = [local("v128"), local("v128"), local("v128")];
    const place = (of: Local) => i32.add(of.get, at.get);
    const all = (one: Local) => f32x4.splat(one.get);
    const one = local("v128");
    /** old + (1 − beta) · (now − old), written as beta · old + (1 − beta) · now. */
    const running = (old: Code, now: Code, beta: Local) =>
      f32x4.add(f32x4.mul(old, all(beta)), f32x4.mul(now, f32x4.sub(one.get, all(beta))));
    return sequence(
      one.set(f32x4.splat([0x43, 0x00, 0x00, 0x80, 0x3f])),
      end.set(bytesOf(count)),
      whileBelow(
        at,
        end.get,
        i32.const(vectorBytes),
        sequence(
          slope.set(v128.load(place(gradient))),
          mean.set(running(v128.load(place(m)), slope.get, beta1)),
          square.set(running(v128.load(place(v)), f32x4.mul(slope.get, slope.get), beta2)),
          v128.store(place(m), mean.get),
          v128.store(place(v), square.get),
          v128.store(
            place(value),
            f32x4.sub(
              f32x4.mul(v128.load(place(value)), all(kept)),
              f32x4.div(
                f32x4.mul(mean.get, all(rate)),
                f32x4.add(f32x4.sqrt(f32x4.mul(square.get, all(second))), all(epsilon)),
              ),
            ),
          ),
        ),
      ),
    );
  },
);

/** Copies a gradient where relu's output is positive, and writes zero elsewhere. */
const reluGradient: Routine = routine(["i32", "i32", "i32", "i32"], (local, gradient, output, to, count) => {
  const [at, end] = [local("i32"), local("i32")];
  const place = (of: Local | undefined) => i32.add((of as Local).get, at.get);
  const isPositive = f32x4.gt(v128.load(place(output)), v128.zero);
  return sequence(
    end.set(bytesOf(count as Local)),
    whileBelow(
      at,
      end.get,
      i32.const(vectorBytes),
      v128.store(place(to), v128.and(v128.load(place(gradient)), isPositive)),
    ),
  );
});

/**
 * Adds a bias [`columns`] to each of `count` rows, which are `rowBytes` apart, and raises what is below `floor` to it.
 */
const addBias: Routine = routine(["i32", "i32", "i32", "i32", "i32", "f32"], (local, ...params) => {
  const [row, bias, columns, count, rowBytes, floor] = params as [Local, Local, Local, Local, Local, Local];
  const [at, width, end, lowest] = [local("i32"), local("i32"), local("i32"), local("v128")];
  const place = i32.add(row.get, at.get);
  const sum = f32x4.add(v128.load(place), v128.load(i32.add(bias.get, at.get)));
  return sequence(
    width.set(bytesOf(columns)),
    lowest.set(f32x4.splat(floor.get)),
    end.set(i32.add(row.get, i32.mul(count.get, rowBytes.get))),
    whileBelow(
      row,
      end.get,
      rowBytes.get,
      sequence(
        at.set(i32.const(0)),
        whileBelow(at, width.get, i32.const(vectorBytes), v128.store(place, f32x4.max(sum, lowest.get))),
      ),
    ),
  );
});

/** Adds up columns: sums[column] += Σ rows [count, `rowBytes`], for a vector of four columns. */
const columnSums: Routine = routine(["i32", "i32", "i32", "i32"], (local, from, rowBytes, count, to) => {
  const [sum, end] = [local("v128"), local("i32")];
  const read = from as Local;
  return sequence(
    end.set(i32.add(read.get, i32.mul((count as Local).get, (rowBytes as Local).get))),
    whileBelow(read, end.get, (rowBytes as Local).get, sum.set(f32x4.add(sum.get, v128.load(read.get)))),
    v128.store((to as Local).get, sum.get),
  );
});

/** Adds a weighted row: to[column] += weight · from[column], for `count` columns. */
const addScaled: Routine = routine(["i32", "i32", "f32", "i32"], (local, from, to, weight, count) => {
  const [at, end, factor] = [local("i32"), local("i32"), local("v128")];
  const place = (of: Local | undefined) => i32.add((of as Local).get, at.get);
  return sequence(
    end.set(bytesOf(count as Local)),
    factor.set(f32x4.splat((weight as Local).get)),
    whileBelow(
      at,
      end.get,
      i32.const(vectorBytes),
      v128.store(place(to), f32x4.add(v128.load(place(to)), f32x4.mul(factor.get, v128.load(place(from))))),
    ),
  );
});

/**
 * Zeroes values at random and scales the others up: value n is zero if the nth random number after `state` is less than
 * `threshold`, as unsigned integers. The numbers are those of `random.ts`.
 */
const dropout: Routine = routine(["i32", "i32", "i32", "i32", "i32", "f32"], (local, ...params) => {
  const [from, to, count, state, threshold, kept] = params as [Local, Local, Local, Local, Local, Local];
  const [at, end] = [local("i32"), local("i32")];
  const [states, mixed] = [local("v128"), local("v128")];
  const place = (of: Local) => i32.add(of.get, at.get);
  const lanes = [1, 2, 3, 4].flatMap((n) => {
    const value = Math.imul(n, randomIncrement);
    return [0, 8, 16, 24].map((bits) => (value >>> bits) & 0xff);
  });
  const xorShifted = (a: Code, bits: number) => v128.xor(a, i32x4.shrUnsigned(a, bits));
  const splat = (value: number) => i32x4.splat(i32.const(value));
  return sequence(
    end.set(bytesOf(count)),
    states.set(i32x4.add(i32x4.splat(state.get), [0xfd, 0x0c, ...lanes])),
    whileBelow(
      at,
      end.get,
      i32.const(vectorBytes),
      sequence(
        mixed.set(i32x4.mul(xorShifted(states.get, 15), v128.or(states.get, splat(1)))),
        mixed.set(
          v128.xor(i32x4.add(mixed.get, i32x4.mul(xorShifted(mixed.get, 7), v128.or(mixed.get, splat(61)))), mixed.get),
        ),
        v128.store(
          place(to),
          v128.and(
            f32x4.mul(v128.load(place(from)), f32x4.splat(kept.get)),
            i32x4.geUnsigned(xorShifted(mixed.get, 14), i32x4.splat(threshold.get)),
          ),
        ),
        states.set(i32x4.add(states.get, splat(Math.imul(4, randomIncrement)))),
      ),
    ),
  );
});

/** Routines that act on whole vectors of four values; callers compute the remaining values. */
export const updateRoutines = { adam, addBias, reluGradient, columnSums, addScaled, dropout, poolGradient };
