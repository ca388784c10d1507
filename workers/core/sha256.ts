const blockWords = 16;
const blockBytes = 64;
const lengthBytes = 8;

/**
 * Computes the SHA-256 of a short ASCII text, such as a token, in lower-case hex, at once: WebCrypto takes ten times as long to
 * schedule the work as to do it. Longer data is for `sha256Hex`. The time depends on the length of the text alone.
 */
export function sha256OfAscii(text: string): string {
  const blocks = Math.ceil((text.length + 1 + lengthBytes) / blockBytes);
  const data = new Int32Array(blocks * blockWords);
  for (let i = 0; i < text.length; i++) put(data, i, text.charCodeAt(i));
  put(data, text.length, 0x80);
  data[data.length - 1] = text.length * 8;
  const state = Int32Array.from(initial);
  for (let block = 0; block < blocks; block++) addBlock(state, data, block * blockWords);
  let hex = "";
  for (let i = 0; i < state.length; i++) hex += ((state[i] as number) >>> 0).toString(16).padStart(8, "0");
  return hex;
}

function put(data: Int32Array, at: number, byte: number): void {
  data[at >> 2] = (data[at >> 2] as number) | (byte << (24 - 8 * (at & 3)));
}

function addBlock(state: Int32Array, data: Int32Array, at: number): void {
  const words = new Int32Array(64);
  for (let i = 0; i < blockWords; i++) words[i] = data[at + i] as number;
  for (let i = blockWords; i < 64; i++) {
    const two = words[i - 2] as number;
    const fifteen = words[i - 15] as number;
    const s0 = rotated(fifteen, 7) ^ rotated(fifteen, 18) ^ (fifteen >>> 3);
    const s1 = rotated(two, 17) ^ rotated(two, 19) ^ (two >>> 10);
    words[i] = ((words[i - 16] as number) + s0 + (words[i - 7] as number) + s1) | 0;
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
    const s1 = rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25);
    const t1 = (h + s1 + ((e & f) ^ (~e & g)) + (constants[i] as number) + (words[i] as number)) | 0;
    const s0 = rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22);
    const t2 = (s0 + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    h = g;
    g = f;
    f = e;
    e = (d + t1) | 0;
    d = c;
    c = b;
    b = a;
    a = (t1 + t2) | 0;
  }
  state[0] = (state[0] as number) + a;
  state[1] = (state[1] as number) + b;
  state[2] = (state[2] as number) + c;
  state[3] = (state[3] as number) + d;
  state[4] = (state[4] as number) + e;
  state[5] = (state[5] as number) + f;
  state[6] = (state[6] as number) + g;
  state[7] = (state[7] as number) + h;
}

function rotated(word: number, bits: number): number {
  return (word >>> bits) | (word << (32 - bits));
}

// FIPS 180-4: the fractional parts of roots of the first primes, square for the state and cube for the rounds, in 32 bits.
const primes = Array.from({ length: 312 }, (_, i) => i).filter(
  (n) => n > 1 && Array.from({ length: n - 2 }, (_, i) => i + 2).every((d) => n % d !== 0),
);
const initial = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
const constants = Int32Array.from(primes.slice(0, 64), (prime) => fraction(Math.cbrt(prime)));

function fraction(root: number): number {
  return ((root % 1) * 2 ** 32) | 0;
}
