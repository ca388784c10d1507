const letters = /[\p{L}\p{N}]+/gu;

/** Returns the bucket of a text: its FNV-1a hash over UTF-16 units, mixed as in MurmurHash3, modulo `buckets`. */
export function bucketOf(text: string, buckets: number): number {
  return hash32(text) % buckets;
}

/**
 * Adds a text's words and pairs of neighbouring words to `out` at their buckets, with a sign from the hash so that
 * collisions cancel on average (Weinberger et al., arXiv 0902.2206), and scales the sum to length 1.
 */
export function hashWords(text: string, out: Float32Array): void {
  const words = text.toLowerCase().normalize("NFKC").match(letters) ?? [];
  let before = "";
  for (const word of words) {
    add(word, out);
    if (before !== "") add(`${before} ${word}`, out);
    before = word;
  }
  const length = Math.sqrt(out.reduce((sum, value) => sum + value * value, 0));
  if (length > 0) for (let i = 0; i < out.length; i++) out[i] = (out[i] as number) / length;
}

function add(token: string, out: Float32Array): void {
  const hash = hash32(token);
  const bucket = (hash >>> 1) % out.length;
  out[bucket] = (out[bucket] as number) + (hash & 1 ? 1 : -1);
}

function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
