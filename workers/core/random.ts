const poolBytes = 1_024;

let pool = new Uint8Array(0);
let used = 0;

/** Returns random bytes that nobody else gets. They are drawn many at a time, since a draw costs more than its bytes. */
export function randomBytes(count: number): Uint8Array {
  if (used + count > pool.length) {
    pool = crypto.getRandomValues(new Uint8Array(Math.max(count, poolBytes)));
    used = 0;
  }
  used += count;
  return pool.subarray(used - count, used);
}
