import { type Routine, routine } from "./assemble.ts";
import { type Code, either, f32, f32x4, i32, type Local, sequence, v128, whileBelow } from "./code.ts";

/** Rows and columns of the tile of a product that is computed at once, in registers. At an edge tiles may be smaller. */
export const tile = { rows: 4, columns: 8 } as const;
/** The columns of a tile at the right edge, if no more are left. */
export const narrowColumns = 4 as const;

const floatBytes = 4;
const vectorBytes = 16;

/**
 * Adds up a tile of a product: c[row, column] = Σ a[i, row] · b[i, column], for i below `count`, added to c if `isAdded`.
 * Both factors are packed: a as [count, 4] and b as [count, columns]. Each sum is added up in the order of i.
 */
const tileProduct = (rows: number, columns: 4 | 8): Routine =>
  routine(["i32", "i32", "i32", "i32", "i32", "i32"], (local, ...params) => {
    const [p, q, at, cRowBytes, count, isAdded] = params as [Local, Local, Local, Local, Local, Local];
    const end = local("i32");
    const vectors = Array.from({ length: columns / 4 }, (_, i) => ({ of: local("v128"), offset: i * vectorBytes }));
    const sums = Array.from({ length: rows }, () => vectors.map(() => local("v128")));
    const factor = local("v128");
    const step = (i: number) =>
      sequence(
        ...vectors.map(({ of, offset }) => of.set(v128.load(q.get, i * columns * floatBytes + offset))),
        ...sums.map((own, row) =>
          sequence(
            factor.set(v128.loadSplat(p.get, (i * tile.rows + row) * floatBytes)),
            ...own.map((sum, v) => sum.set(f32x4.add(sum.get, f32x4.mul(factor.get, (vectors[v] as Vector).of.get)))),
          ),
        ),
      );
    const eachSum = (act: (sum: Local, offset: number) => Code) =>
      sums.flatMap((own, row) => [
        ...(row > 0 ? at.set(i32.add(at.get, cRowBytes.get)) : []),
        ...own.flatMap((sum, v) => act(sum, (vectors[v] as Vector).offset)),
      ]);
    const back = i32.sub(at.get, i32.mul(cRowBytes.get, i32.const(rows - 1)));
    const stepBytes = tile.rows * floatBytes;
    const advance = (steps: number) => q.set(i32.add(q.get, i32.const(steps * columns * floatBytes)));
    const unrolled = 4;
    const wholeSteps = i32.and(count.get, i32.const(-unrolled));
    return sequence(
      either(
        isAdded.get,
        sequence(
          eachSum((sum, offset) => sum.set(v128.load(at.get, offset))),
          at.set(back),
        ),
        [],
      ),
      end.set(i32.add(p.get, i32.mul(wholeSteps, i32.const(stepBytes)))),
      // The end of all steps: their number is needed no more.
      count.set(i32.add(p.get, i32.mul(count.get, i32.const(stepBytes)))),
      whileBelow(
        p,
        end.get,
        i32.const(unrolled * stepBytes),
        sequence(...Array.from({ length: unrolled }, (_, i) => step(i)), advance(unrolled)),
      ),
      whileBelow(p, count.get, i32.const(stepBytes), sequence(step(0), advance(1))),
      eachSum((sum, offset) => v128.store(at.get, sum.get, offset)),
    );
  });

/** A vector of a tile's row, and its place in the row. */
interface Vector {
  of: Local;
  offset: number;
}

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
  tile1x4: tileProduct(1, 4),
  tile2x4: tileProduct(2, 4),
  tile3x4: tileProduct(3, 4),
  tile4x4: tileProduct(4, 4),
  tile1x8: tileProduct(1, 8),
  tile2x8: tileProduct(2, 8),
  tile3x8: tileProduct(3, 8),
  tile4x8: tileProduct(4, 8),
  packColumns4: packColumns(4),
  packColumns8: packColumns(8),
  packColumn,
  packRows,
};
