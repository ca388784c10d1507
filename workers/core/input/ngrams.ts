/** How a text is encoded: the buckets that n-grams are hashed to, and the most different ones of a text. */
export interface NgramPlan {
  buckets: number;
  terms: number;
}

// Scripts that put no spaces between words, by Unicode property: dictionaries, such as that of Intl.Segmenter, differ
// between runtimes and their versions. U+30FC lengthens a vowel and belongs to no script.
const unspaced = "\\p{sc=Han}\\p{sc=Hira}\\p{sc=Kana}\\u30fc\\p{sc=Thai}\\p{sc=Laoo}\\p{sc=Khmr}\\p{sc=Mymr}";
const inWord = `(?![${unspaced}])[\\p{L}\\p{N}]`;
const tokens = new RegExp(
  `(?=[\\p{L}\\p{N}])[${unspaced}]\\p{M}*|${inWord}(?:${inWord}|\\p{M}|['’](?=\\p{L}))*|[\\p{S}!?]`,
  "gu",
);
const startsUnspaced = new RegExp(`^[${unspaced}]`, "u");
/** No script without spaces begins below. */
const firstUnspaced = 0x0e00;
const ignored = /'|’|\ufe0e|\ufe0f/;
const ascii = /^[\0-\x7f]*$/;

/** Lengths of the character n-grams of a word. */
const [shortest, longest] = [3, 4];
/** A character n-gram counts this much, a word or a pair of words 1. */
const partWeight = 0.5;
/** Before the first and after the last character of a word: no text contains them as parts of words. */
const [wordStart, wordEnd] = [2, 3];
/** Where the hashes of words, pairs, triples and parts begin, so that equal ones fall into different buckets. */
const starts = { word: 0x811c9dc5, pair: 0x2f6b1d35, triple: 0x1b873593, part: 0x5bd1e995 };
const prime = 0x01000193;

/**
 * Normalises a text, so that spellings that mean the same are equal: NFKC, lower case with full case folding of ß, ς and İ.
 */
export function normaliseText(text: string): string {
  const lower = text.normalize("NFKC").toLowerCase();
  if (ascii.test(lower)) return lower;
  return lower.replaceAll("ß", "ss").replaceAll("ς", "σ").replaceAll("i\u0307", "i").normalize("NFKC");
}

/**
 * Splits a text into words. In scripts without spaces between words each character is one, with its marks; so is a symbol,
 * such as an emoji, and "!" and "?".
 */
export function wordsOf(text: string): string[] {
  const words = normaliseText(text).match(tokens) ?? [];
  for (const [i, word] of words.entries()) if (ignored.test(word)) words[i] = word.split(ignored).join("");
  return words;
}

/**
 * Writes a text as its n-grams: bucket numbers to `out[0 … terms)`, their weights to `out[terms … 2·terms)`, zeros after the
 * last. N-grams are words, pairs of words, and 3 to 4 characters of a word with its start and end; triples of characters in
 * scripts without spaces. A weight is the square root of the count, scaled so that all have length 1; only operations that
 * IEEE 754 rounds exactly are used, so that every runtime computes the same bits. A text with more than `terms` different
 * buckets is cut. Returns the number of buckets.
 */
export function writeNgrams(text: string, { buckets, terms }: NgramPlan, out: Float32Array): number {
  const seen = placesOf(buckets);
  let n = 0;
  const add = (hash: number, weight: number) => {
    const bucket = mixed(hash) % buckets;
    let place = (seen[bucket] as number) - 1;
    if (place < 0) {
      if (n === terms) return;
      place = n++;
      seen[bucket] = n;
      out[place] = bucket;
    }
    out[terms + place] = (out[terms + place] as number) + weight;
  };
  let [before, beforeThat] = [0, 0];
  for (const word of wordsOf(text)) {
    if (n === terms) break;
    const hash = hashOf(word);
    add(hash, 1);
    if (before !== 0) add(Math.imul(starts.pair ^ before, prime) ^ hash, 1);
    if (word.charCodeAt(0) >= firstUnspaced && startsUnspaced.test(word)) {
      if (beforeThat !== 0) add(Math.imul(Math.imul(starts.triple ^ beforeThat, prime) ^ before, prime) ^ hash, 1);
    } else if (word.length > 1) addParts(word, add);
    [before, beforeThat] = [hash, before];
  }
  let squares = 0;
  for (let i = 0; i < n; i++) squares += out[terms + i] as number;
  const scale = squares > 0 ? 1 / Math.sqrt(squares) : 0;
  for (let i = 0; i < n; i++) {
    seen[out[i] as number] = 0;
    out[terms + i] = Math.sqrt(out[terms + i] as number) * scale;
  }
  return n;
}

/** Counts a text's different buckets, up to `plan.terms`. */
export function countNgrams(text: string, plan: NgramPlan): number {
  return writeNgrams(text, plan, new Float32Array(2 * plan.terms));
}

function addParts(word: string, add: (hash: number, weight: number) => void): void {
  const size = word.length + 2;
  const unitAt = (at: number) => (at === 0 ? wordStart : at === size - 1 ? wordEnd : word.charCodeAt(at - 1));
  for (let start = 0; start + shortest <= size; start++) {
    let hash = starts.part;
    const end = Math.min(size, start + longest);
    for (let at = start; at < end; at++) {
      hash = Math.imul(hash ^ unitAt(at), prime);
      if (at - start >= shortest - 1) add(hash, partWeight);
    }
  }
}

/** FNV-1a over UTF-16 units; never 0, which stands for no word. */
function hashOf(word: string): number {
  let hash = starts.word;
  for (let i = 0; i < word.length; i++) hash = Math.imul(hash ^ word.charCodeAt(i), prime);
  return hash || 1;
}

/** The last steps of MurmurHash3, which spread a hash over all bits. */
function mixed(hash: number): number {
  let bits = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}

// One table for each number of buckets, empty between two texts.
const places = new Map<number, Int32Array>();

function placesOf(buckets: number): Int32Array {
  const known = places.get(buckets) ?? new Int32Array(buckets);
  places.set(buckets, known);
  return known;
}
