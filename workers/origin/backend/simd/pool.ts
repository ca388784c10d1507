import { type Routine, routine } from "./assemble.ts";
import { f32x4, i32, type Local, sequence, v128, whileBelow } from "./code.ts";

const vectorBytes = 16;
const floatBytes = 4;

/**
 * Passes the gradients of a window's maxima on, for `count` channels: each goes to the first position of the maximum.
 * The window has `rows` rows, `rowBytes` apart, of `columns` positions, `columnBytes` apart.
 * @param offset the bytes from a position in the input to the same position in the input's gradient
 */
export const poolGradient: Routine = routine(
  ["i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32", "i32"],
  (local, ...params) => {
    const [input, output, gradient, offset, rows, rowBytes, columns, columnBytes, count] = params as Local[] as [
      ...[Local, Local, Local, Local, Local, Local, Local, Local, Local],
    ];
    const [at, end, row, lastRow, position, lastPosition] = [...Array(6)].map(() => local("i32")) as [
      ...[Local, Local, Local, Local, Local, Local],
    ];
    const [most, slope, taken, isHere] = [...Array(4)].map(() => local("v128")) as [Local, Local, Local, Local];
    const target = i32.add(position.get, offset.get);
    return sequence(
      end.set(i32.mul(count.get, i32.const(floatBytes))),
      whileBelow(
        at,
        end.get,
        i32.const(vectorBytes),
        sequence(
          most.set(v128.load(i32.add(output.get, at.get))),
          slope.set(v128.load(i32.add(gradient.get, at.get))),
          taken.set(v128.zero),
          row.set(i32.add(input.get, at.get)),
          lastRow.set(i32.add(row.get, i32.mul(rows.get, rowBytes.get))),
          whileBelow(
            row,
            lastRow.get,
            rowBytes.get,
            sequence(
              position.set(row.get),
              lastPosition.set(i32.add(row.get, i32.mul(columns.get, columnBytes.get))),
              whileBelow(
                position,
                lastPosition.get,
                columnBytes.get,
                sequence(
                  isHere.set(v128.andNot(f32x4.eq(v128.load(position.get), most.get), taken.get)),
                  v128.store(target, f32x4.add(v128.load(target), v128.and(isHere.get, slope.get))),
                  taken.set(v128.or(taken.get, isHere.get)),
                ),
              ),
            ),
          ),
        ),
      ),
    );
  },
);
