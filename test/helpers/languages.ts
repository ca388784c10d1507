import { writeNgrams } from "#core/input/ngrams.ts";

/** A sentence in each of twelve languages: accents, no spaces, right to left, emoji; then what else spells the same. */
export const sentences: Record<string, string> = {
  english: "I can't find my card — has it been stolen? 😱",
  german: "Die Überweisung über 1.000 € an die Straßenbahn-AG fehlt!",
  french: "Pourquoi m'a-t-on prélevé deux fois à l'hôtel ?",
  spanish: "¿Cuándo llegará mi tarjeta? Ya pasó una semana 🙄",
  turkish: "İstanbul'da ATM kartımı yuttu, ne yapmalıyım?",
  greek: "Γιατί χρεώθηκε δύο φορές ο λογαριασμός μου; ΟΔΟΣ",
  russian: "Почему перевод ещё не пришёл? 🇷🇺",
  arabic: "لماذا لم تصل بطاقتي حتى الآن؟ دفعتُ ٢٥ دولارًا",
  hebrew: "למה חויבתי פעמיים על אותה עסקה?",
  hindi: "मेरा कार्ड अभी तक नहीं आया है, क्या करूँ? 👍🏽",
  thai: "บัตรของฉันถูกกลืนที่ตู้เอทีเอ็ม ช่วยด้วย",
  japanese: "カードがまだ届いていません。いつ届きますか？👨‍👩‍👧",
  chinese: "为什么我的转账还没有到账？我想取消１００元的付款",
};

/** Fixed: a version that is served today must get the same features from later code, in every runtime. */
export const digests: Record<string, string> = {
  english: "2dfe8738",
  german: "060efe29",
  french: "7175e2fb",
  spanish: "f1744e87",
  turkish: "b8c15ace",
  greek: "7d75ea76",
  russian: "b69dc58a",
  arabic: "784dec7b",
  hebrew: "419805ba",
  hindi: "af86275d",
  thai: "a280dbcd",
  japanese: "346e3023",
  chinese: "8c3ea55f",
};

const plan = { buckets: 16_384, terms: 256 };

/** Hashes the bits of a text's features (FNV-1a). */
export function featureDigest(text: string): string {
  const out = new Float32Array(2 * plan.terms);
  writeNgrams(text, plan, out);
  let hash = 0x811c9dc5;
  for (const byte of new Uint8Array(out.buffer)) hash = Math.imul(hash ^ byte, 0x01000193);
  return (hash >>> 0).toString(16).padStart(8, "0");
}
