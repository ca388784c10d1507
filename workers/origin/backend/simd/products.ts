import { type Routine, routine } from "./assemble.ts";
import { type Code, either, f32, f32x4, i32, type Local, sequence, v128, whileBelow } from "./code.ts";

/** Rows and columns of the tile of a product that is computed at once, in registers. */
export const tile = { rows: 4, columns: 8 } as const;

const floatBytes = 4;
const vectorBytes = 16;

/**
 * Adds up a tile of a product: c[row, column] = Σ a[i, row] · b[i, column], for i below `count`, added to c if `isAdded`.
 * Both factors are packed: a as [count, 4] and b as [count, 8]. Each sum is added up in the order of i.
 */
const tileProduct = (rows: number): Routine =>
  routine(["i32", "i32", "i32", "i32", "i32", "i32"], (local, a, b, c, cRowBytes, count, isAdded) => {
    const [p, q, at, end] = [a, b, c, local("i32")] as [Local, Local, Local, Local];
    const sums = Array.from({ length: rows }, () => [local("v128"), local("v128")] as const);
    const [left, right, factor] = [local("v128"), local("v128"), local("v128")];
    const step = (i: number) =>
      sequence(
        left.set(v128.load(q.get, i * tile.columns * floatBytes)),
        right.set(v128.load(q.get, i * tile.columns * floatBytes + vectorBytes)),
        ...sums.map(([first, second], row) =>
          sequence(
            factor.set(v128.loadSplat(p.get, (i * tile.rows + row) * floatBytes)),
            first.set(f32x4.add(first.get, f32x4.mul(factor.get, left.get))),
            second.set(f32x4.add(second.get, f32x4.mul(factor.get, right.get))),
          ),
        ),
      );
    const eachRow = (act: (row: number) => Code) =>
      sums.flatMap((_, row) => [...(row > 0 ? at.set(i32.add(at.get, (cRowBytes as Local).get)) : []), ...act(row)]);
    const back = i32.sub(at.get, i32.mul((cRowBytes as Local).get, i32.const(rows - 1)));
    const stepBytes = tile.rows * floatBytes;
    const advance = (steps: number) => q.set(i32.add(q.get, i32.const(steps * tile.columns * floatBytes)));
    const length = i32.mul((count as Local).get, i32.const(stepBytes));
    const unrolled = 4;
    const wholeSteps = i32.and((count as Local).get, i32.const(-unrolled));
    return sequence(
      either(
        (isAdded as Local).get,
        sequence(
          eachRow((row) => {
            const [first, second] = sums[row] as readonly [Local, Local];
            return sequence(first.set(v128.load(at.get)), second.set(v128.load(at.get, vectorBytes)));
          }),
          at.set(back),
        ),
        [],
      ),
      end.set(i32.add(p.get, i32.mul(wholeSteps, i32.const(stepBytes)))),
      // The end of all steps: `count` is needed no more.
      (count as Local).set(i32.add(p.get, length)),
      whileBelow(
        p,
        end.get,
        i32.const(unrolled * stepBytes),
        sequence(...Array.from({ length: unrolled }, (_, i) => step(i)), advance(unrolled)),
      ),
      whileBelow(p, (count as Local).get, i32.const(stepBytes), sequence(step(0), advance(1))),
      eachRow((row) => {
        const [first, second] = sums[row] as readonly [Local, Local];
        return sequence(v128.store(at.get, first.get), v128.store(at.get, second.get, vectorBytes));
      }),
    );
  });

/** Copies `width` neighbouring floats of each of `count` rows, `rowBytes` apart, one after another. */
const packColumns = (width: number): Routine =>
  routine(["i32", "i32", "i32", "i32"], (local, from, rowBytes, count, to) => {
    const [read, write, end] = [from, to, local("i32")] as [Local, Local, Local];
    const bytes = width * floatBytes;
    const copies = Array.from({ length: width / 4 }, (_, i) =>
      v128.store(write.get, v128.load(read.get, i * vectorBytes), i * vectorBytes),
    );
    return sequence(
      end.set(i32.add(write.get, i32.mul((count as Local).get, i32.const(bytes)))),
      whileBelow(
        write,
        end.get,
        i32.const(bytes),
        sequence(...copies, read.set(i32.add(read.get, (rowBytes as Local).get))),
      ),
    );
  });

/** Copies `count` floats, `fromBytes` apart, to places `toBytes` apart. */
const packColumn: Routine = routine(
  ["i32", "i32", "i32", "i32", "i32"],
  (local, from, fromBytes, count, to, toBytes) => {
    const [read, write, end] = [from, to, local("i32")] as [Local, Local, Local];
    return sequence(
      end.set(i32.add(write.get, i32.mul((count as Local).get, (toBytes as Local).get))),
      whileBelow(
        write,
        end.get,
        (toBytes as Local).get,
        sequence(f32.store(write.get, f32.load(read.get)), read.set(i32.add(read.get, (fromBytes as Local).get))),
      ),
    );
  },
);

/** Copies `count` floats of each of four rows, transposed: the rows' nth values go to n · `toBytes`. */
const packRows: Routine = routine(["i32", "i32", "i32", "i32", "i32", "i32", "i32"], (local, ...params) => {
  const [from0, from1, from2, from3, count, write, toBytes] = params as Local[] as [
    ...[Local, Local, Local, Local, Local, Local, Local],
  ];
  const starts = [from0, from1, from2, from3];
  const [at, end] = [local("i32"), local("i32")];
  const rows = starts.map(() => local("v128")) as [Local, Local, Local, Local];
  const pairs = starts.map(() => local("v128")) as [Local, Local, Local, Local];
  const low = (a: Local, b: Local) => v128.shuffle(a.get, b.get, [0, 4, 1, 5]);
  const high = (a: Local, b: Local) => v128.shuffle(a.get, b.get, [2, 6, 3, 7]);
  const [upper, lower] = [pairs.slice(0, 2), pairs.slice(2)] as [[Local, Local], [Local, Local]];
  const columns = [upper, lower].flatMap(([a, b]) => [
    v128.shuffle(a.get, b.get, [0, 1, 4, 5]),
    v128.shuffle(a.get, b.get, [2, 3, 6, 7]),
  ]);
  const next = write.set(i32.add(write.get, toBytes.get));
  return sequence(
    end.set(i32.mul(i32.and(count.get, i32.const(-4)), i32.const(floatBytes))),
    whileBelow(
      at,
      end.get,
      i32.const(vectorBytes),
      sequence(
        ...rows.map((row, i) => row.set(v128.load(i32.add((starts[i] as Local).get, at.get)))),
        pairs[0].set(low(rows[0], rows[1])),
        pairs[1].set(low(rows[2], rows[3])),
        pairs[2].set(high(rows[0], rows[1])),
        pairs[3].set(high(rows[2], rows[3])),
        ...columns.map((column) => sequence(v128.store(write.get, column), next)),
      ),
    ),
    whileBelow(
      at,
      i32.mul(count.get, i32.const(floatBytes)),
      i32.const(floatBytes),
      sequence(
        ...starts.map((start, i) => f32.store(write.get, f32.load(i32.add(start.get, at.get)), i * floatBytes)),
        next,
      ),
    ),
  );
});

/** Routines that matrix products are made of. */
export const productRoutines = {
  tileProduct1: tileProduct(1),
  tileProduct2: tileProduct(2),
  tileProduct3: tileProduct(3),
  tileProduct4: tileProduct(4),
  packColumns4: packColumns(4),
  packColumns8: packColumns(8),
  packColumn,
  packRows,
};
