import { describe, expect, it } from "vitest";
import { countNgrams, normaliseText, wordsOf, writeNgrams } from "#core/input/ngrams.ts";
import { digests, featureDigest, sentences } from "#test/helpers/languages.ts";

describe("n-grams", () => {
  it.each(Object.entries(sentences))("are the same bits as everywhere: %s", (language, sentence) => {
    expect(featureDigest(sentence)).toBe(digests[language]);
  });

  it("are the same for spellings that mean the same", () => {
    const same: [string, string][] = [
      ["Straße", "STRASSE"],
      ["café", "cafe\u0301"],
      ["ΟΔΟΣ", "οδος"],
      ["İSTANBUL", "istanbul"],
      ["ｶｰﾄﾞ", "カード"],
      ["１００", "100"],
      ["can’t", "Can't"],
      ["❤️", "❤"],
      ["  where\tIS, my card", "Where is my card."],
    ];
    for (const [one, other] of same) expect(featureDigest(one)).toBe(featureDigest(other));
    expect(normaliseText("ﬁﬂ ①")).toBe("fifl 1");
  });

  it("differ for what means something else", () => {
    const texts = ["card lost", "lost card", "card lost!", "card lost 😱", "卡丢了", "丢卡了", "שלום", "مرحبا", ""];
    expect(new Set(texts.map(featureDigest)).size).toBe(texts.length);
  });

  it("take each character of a script without spaces for a word, with its marks", () => {
    expect(wordsOf("我的card没到")).toEqual(["我", "的", "card", "没", "到"]);
    expect(wordsOf("ช่วยด้วย")).toEqual(["ช่", "ว", "ย", "ด้", "ว", "ย"]);
    expect(wordsOf("हिन्दी में")).toEqual(["हिन्दी", "में"]);
  });

  it("are cut after the given number, and leave nothing behind for the next text", () => {
    const plan = { buckets: 4_096, terms: 10 };
    const long = "a card that was lost ".repeat(1_000);
    expect(countNgrams(long, plan)).toBe(10);
    const [alone, after] = [new Float32Array(20), new Float32Array(20)];
    writeNgrams("hello", plan, alone);
    writeNgrams(long, plan, new Float32Array(20));
    writeNgrams("hello", plan, after);
    expect(after).toEqual(alone);
  });

  it("have length 1, and none for a text without words", () => {
    const out = new Float32Array(400);
    expect(writeNgrams("Where is my card?", { buckets: 4_096, terms: 200 }, out)).toBeGreaterThan(20);
    expect(out.subarray(200).reduce((sum, weight) => sum + weight * weight, 0)).toBeCloseTo(1, 6);
    for (const text of ["", " ", "…", "\u200d\ufe0f", "\ud800"]) {
      const none = new Float32Array(400);
      expect(writeNgrams(text, { buckets: 4_096, terms: 200 }, none)).toBe(0);
      expect(none.every((value) => value === 0)).toBe(true);
    }
  });
});
