import type { ExternalRung, Instance, Price } from "../contract/index.ts";

/** How many tokens a rung reads of what it is sent, as decayed sums. Plain JSON. */
export interface TokenUse {
  tokens: number;
  bytes: number;
}

/** What a question is expected to cost, and the most that it can, in US dollars. */
export interface QuestionPrice {
  expectedUsd: number;
  mostUsd: number;
}

/** Before the first answer a token has four bytes, as in English. */
const firstUse: TokenUse = { tokens: 500, bytes: 2_000 };
/** Older answers count less: prices and texts change. */
const memory = 1 - 1 / 100;
/** Tokens that a server may add to what it is sent. A token of text has at least a byte. */
const addedTokensMax = 1_024;

/** Returns what is assumed before a rung's first answer. */
export function noTokenUse(): TokenUse {
  return firstUse;
}

/** Adds an answer: what was sent, in bytes, and the tokens that were read. */
export function learnTokenUse(use: TokenUse, { tokens, bytes }: TokenUse): TokenUse {
  return { tokens: memory * use.tokens + tokens, bytes: memory * use.bytes + bytes };
}

/** Tells whether a rung's answers cost anything. */
export function isPriced({ usdPerQuestion = 0, usdPerMillionInputTokens = 0 }: Price = {}): boolean {
  return usdPerQuestion > 0 || usdPerMillionInputTokens > 0;
}

/** Computes what a question of so many bytes costs. The most reserves one token for each byte. */
export function priceOf(
  { price = {}, votes = 1 }: Pick<ExternalRung, "price" | "votes">,
  bytes: number,
  use: TokenUse,
): QuestionPrice {
  const { usdPerQuestion = 0, usdPerMillionInputTokens = 0 } = price;
  const usdOf = (tokens: number) => usdPerQuestion + (usdPerMillionInputTokens * tokens) / 1e6;
  const mostUsd = usdOf(votes * (bytes + addedTokensMax));
  return { expectedUsd: Math.min(mostUsd, usdOf((bytes * use.tokens) / use.bytes)), mostUsd };
}

/** Returns the bytes of what a rung reads of a question: the instance, the labels and what the recipe says of them. */
export function bytesOf({ instructions = "", labels: described = {} }: ExternalRung, labels: readonly string[]) {
  const own = bytesIn(instructions) + bytesIn(JSON.stringify(described)) + bytesIn(JSON.stringify(labels));
  return (instance: Instance) => own + bytesIn(JSON.stringify(instance));
}

function bytesIn(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}
