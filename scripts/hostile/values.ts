import { gzipSync } from "node:zlib";

/** A source of numbers from 0 to 1, the same for the same seed. */
export type Random = () => number;

export const below = (random: Random, n: number): number => Math.floor(n * random());

export function oneOf<T>(random: Random, values: readonly T[]): T {
  return values[below(random, values.length)] as T;
}

/** JSON texts that are seldom what a field expects. */
export const strangeJson = [
  ...["null", "true", "-1", "0", "1e400", "-1e400", "1e-400", "9007199254740993", "9".repeat(400), "NaN", "Infinity"],
  ...['""', '"\\u0000"', '"__proto__"', '"constructor"', '"\\ud800"', '"\\r\\nset-cookie: a=b"', '"NaN"', '"-0"'],
  ...[`"${"x".repeat(5_000)}"`, '"../../etc/passwd"', '"\\u0024{jndi:ldap://a}"', '"\'; DROP TABLE questions;--"'],
  ...["[]", "{}", "[[[[1]]]]", "[null]", '["a",1,{}]', '{"__proto__":{"isAdmin":true}}'],
  ...[
    '{"constructor":{"prototype":{"isAdmin":true}}}',
    '{"toJSON":1,"then":1,"length":-1}',
    `[${"0,".repeat(5_000)}0]`,
  ],
] as const;

/** Parts of a path that are seldom a name. */
export const strangeParts = [
  ...[
    "..",
    "%2e%2e",
    "..%2f..%2f..%2fetc%2fpasswd",
    "%2F",
    "%5c",
    "%00",
    "%0d%0aset-cookie:%20a=b",
    "%",
    "%zz",
    "%ff%fe",
  ],
  ...["__proto__", "constructor", "toString", "%5f%5fproto%5f%5f", "x".repeat(5_000), "%F0%9F%98%80", "%ed%a0%80"],
  ...[
    "~",
    "~~",
    "a~b~c",
    "bench~world~",
    "bench~%2525~1",
    "*",
    "null",
    "undefined",
    "-1",
    "1e9",
    "0x10",
    "NaN",
    "a:predict",
  ],
] as const;

/** Values of headers that are seldom what they should be; bytes of latin 1 and no line breaks, which no client sends. */
export const strangeHeaders = [
  ...["", "\u00ff\u00fe", "x".repeat(8_000), "__proto__", "0", "-1", "1e309", "NaN", "*", ",,,", '"', "=", "wait=-1"],
  ...["wait=999999999", "wait=0x10", "%00", "%0d%0a", "a,b,c,d,e,f,g,h,i,j", "text/event-stream", "bytes=0-"],
] as const;

/** Changes, removes, inserts or doubles some bytes, or cuts the text off. */
export function spoilt(random: Random, file: Uint8Array): Uint8Array {
  let bytes = [...file];
  for (let times = 1 + below(random, 6); times > 0; times--) {
    const at = below(random, bytes.length);
    switch (below(random, 5)) {
      case 0:
        bytes[at] = below(random, 256);
        break;
      case 1:
        bytes = bytes.slice(0, Math.max(1, at));
        break;
      case 2:
        bytes.splice(at, 1 + below(random, 12));
        break;
      case 3:
        bytes.splice(at, 0, ...Array.from({ length: below(random, 20) }, () => below(random, 256)));
        break;
      default:
        bytes.splice(at, 0, 0xc3, 0x28, 0xed, 0xa0, 0x80);
    }
    if (bytes.length === 0) bytes = [0];
  }
  return Uint8Array.from(bytes);
}

/** Puts another JSON value in the place of some tokens of a JSON text. */
export function mutated(random: Random, text: string): string {
  const tokens = text.match(/-?\d+(\.\d+)?|null|true|false|"[^"]*"/g)?.length ?? 0;
  if (tokens === 0) return oneOf(random, strangeJson);
  let at = below(random, tokens);
  return text.replace(/-?\d+(\.\d+)?|null|true|false|"[^"]*"/g, (token) =>
    at-- === 0 ? oneOf(random, strangeJson) : token,
  );
}

/** Says a field twice, the second time with another value. */
export function doubled(random: Random, text: string): string {
  const name = /^\{("[^"]*"):/.exec(text)?.[1];
  return name ? `${text.slice(0, -1)},${name}:${oneOf(random, strangeJson)}}` : mutated(random, text);
}

/** Arrays and objects inside one another, deeper than a stack. */
export function nested(random: Random): string {
  const depth = 10 + below(random, 100_000);
  return random() < 0.5
    ? `{"instance":${"[".repeat(depth)}${"]".repeat(depth)}}`
    : `${'{"a":'.repeat(depth)}1${"}".repeat(depth)}`;
}

/** A few kilobytes that decode to more than any body may have. */
export const bomb: Uint8Array = gzipSync(Buffer.alloc(20 * 1024 * 1024));
