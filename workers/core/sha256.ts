// SHA-256 (FIPS 180-4) of short data in JavaScript: a call of WebCrypto costs more than hashing some hundred bytes.

const blockBytes = 64;
/** The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
const constants = new Int32Array(64);
/** The same of the square roots of the first 8. */
const initial = new Int32Array(8);
for (let n = 2, found = 0; found < 64; n++) {
  let isPrime = true;
  for (let d = 2; d * d <= n; d++) if (n % d === 0) isPrime = false;
  if (!isPrime) continue;
  if (found < 8) initial[found] = fraction(n ** (1 / 2));
  constants[found++] = fraction(n ** (1 / 3));
}

function fraction(root: number): number {
  return ((root - Math.floor(root)) * 2 ** 32) | 0;
}

const words = new Int32Array(64);

/** Computes the SHA-256 of bytes. */
export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return finish(initial.slice(), bytes, 0);
}

/** Returns a function that computes the HMAC-SHA-256 of bytes under a key (RFC 2104). */
export function hmacSha256(key: Uint8Array): (bytes: Uint8Array) => Uint8Array<ArrayBuffer> {
  const short = key.length > blockBytes ? sha256(key) : key;
  const keyed = (pad: number) => {
    const block = new Uint8Array(blockBytes).fill(pad);
    for (const [i, byte] of short.entries()) block[i] = pad ^ byte;
    const state = initial.slice();
    compress(state, block, 0);
    return state;
  };
  const [inner, outer] = [keyed(0x36), keyed(0x5c)];
  return (bytes) => finish(outer.slice(), finish(inner.slice(), bytes, blockBytes), blockBytes);
}

/** Hashes the last bytes into a state that has hashed `before` bytes, a whole number of blocks. */
function finish(state: Int32Array, bytes: Uint8Array, before: number): Uint8Array<ArrayBuffer> {
  const whole = bytes.length - (bytes.length % blockBytes);
  for (let at = 0; at < whole; at += blockBytes) compress(state, bytes, at);
  const rest = bytes.length - whole;
  const padded = new Uint8Array(rest < blockBytes - 8 ? blockBytes : 2 * blockBytes);
  padded.set(bytes.subarray(whole));
  padded[rest] = 0x80;
  const bits = new DataView(padded.buffer, padded.length - 8);
  const total = before + bytes.length;
  bits.setUint32(0, Math.floor(total / 2 ** 29));
  bits.setUint32(4, total << 3);
  for (let at = 0; at < padded.length; at += blockBytes) compress(state, padded, at);
  const digest = new Uint8Array(32);
  const view = new DataView(digest.buffer);
  for (let i = 0; i < 8; i++) view.setInt32(4 * i, state[i] as number);
  return digest;
}

function compress(state: Int32Array, bytes: Uint8Array, at: number): void {
  const w = words;
  for (let i = 0; i < 16; i++) {
    const j = at + 4 * i;
    w[i] =
      ((bytes[j] as number) << 24) |
      ((bytes[j + 1] as number) << 16) |
      ((bytes[j + 2] as number) << 8) |
      (bytes[j + 3] as number);
  }
  for (let i = 16; i < 64; i++) {
    const x = w[i - 15] as number;
    const y = w[i - 2] as number;
    const s0 = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const s1 = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    w[i] = ((w[i - 16] as number) + s0 + (w[i - 7] as number) + s1) | 0;
  }
  let a = state[0] as number;
  let b = state[1] as number;
  let c = state[2] as number;
  let d = state[3] as number;
  let e = state[4] as number;
  let f = state[5] as number;
  let g = state[6] as number;
  let h = state[7] as number;
  for (let i = 0; i < 64; i++) {
    const s1 = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (h + s1 + ((e & f) ^ (~e & g)) + (constants[i] as number) + (w[i] as number)) | 0;
    const s0 = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + one) | 0;
    d = c;
    c = b;
    b = a;
    a = (one + two) | 0;
  }
  state[0] = ((state[0] as number) + a) | 0;
  state[1] = ((state[1] as number) + b) | 0;
  state[2] = ((state[2] as number) + c) | 0;
  state[3] = ((state[3] as number) + d) | 0;
  state[4] = ((state[4] as number) + e) | 0;
  state[5] = ((state[5] as number) + f) | 0;
  state[6] = ((state[6] as number) + g) | 0;
  state[7] = ((state[7] as number) + h) | 0;
}
