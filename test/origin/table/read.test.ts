import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { DuckDBInstance } from "@duckdb/node-api";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sizeOfImage } from "#origin/table/pixels.ts";
import { readTable } from "#origin/table/read.ts";
import type { Table } from "#origin/table/table.ts";
import { startServer } from "#test/helpers/http-server.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "upriver-table-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(name: string, content: string | Uint8Array): Promise<Table> {
  await writeFile(join(folder, name), content);
  return readTable(join(folder, name));
}

const rowsOf = (table: Table) =>
  Array.from({ length: table.rows }, (_, row) => table.columns.map((column) => column.text(row)));
const namesOf = (table: Table) => table.columns.map(({ name }) => name);

const people = [
  ["name", "age", "city"],
  ['Ann, "the" first', "42", "Köln"],
  ["Bob\nsecond line", "", "São Paulo"],
];
const quoted = (delimiter: string, newline = "\n") =>
  people.map((row) => row.map((text) => `"${text.replaceAll('"', '""')}"`).join(delimiter)).join(newline);

describe("a CSV file", () => {
  it.each([
    ["commas", quoted(",")],
    ["semicolons", quoted(";")],
    ["tabs", quoted("\t")],
    ["bars", quoted("|")],
    ["carriage returns", quoted(",", "\r\n")],
    ["a byte order mark", `\ufeff${quoted(",")}`],
  ])("is read with %s", async (_, text) => {
    const table = await read("people.csv", text);
    expect([namesOf(table), ...rowsOf(table)]).toEqual(people);
  });

  it("is read gzipped, as TSV, in UTF-16 and in Windows-1252", async () => {
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(quoted(","), "utf16le")]);
    const latin = Buffer.from(quoted(","), "latin1");
    for (const [name, bytes] of [
      ["a.csv.gz", gzipSync(quoted(","))],
      ["a.tsv", Buffer.from(quoted("\t"))],
      ["b.csv", utf16],
      ["c.csv", latin],
    ] as const) {
      expect(rowsOf(await read(name, bytes))).toEqual(people.slice(1));
    }
  });

  it.each([
    ["a line with too few values", "a,b\n1,2\n3\n", /broken\.csv, line 3: 1 value, but the header has 2 columns/],
    ["a quote that is never closed", 'a,b\n1,"2\n3,4\n', /a double quote is opened and never closed/],
    ["two columns of one name", "a,b,a\n1,2,3\n", /two columns 'a'\. Rename one/],
    ["a header alone", "a,b\n", /has a header, but no rows/],
    ["nothing", "", /is empty/],
  ])("with %s is refused, and says where and what to do", async (_, text, message) => {
    await expect(read("broken.csv", text)).rejects.toThrow(message);
  });

  it("of more different numbers than are listed keeps their values, and those that are missing", async () => {
    const values = Array.from({ length: 30_000 }, (_, i) => (i % 100 === 7 ? "NA" : String(i / 8)));
    const table = await read("long.csv", `x,y\n${values.map((x, i) => `${x},${i % 3}`).join("\n")}\n`);
    const [x] = table.columns;
    expect(x?.isLong).toBe(true);
    expect(values.every((text, row) => (text === "NA" ? Number.isNaN(x?.number(row)) : x?.text(row) === text))).toBe(
      true,
    );
    expect(x?.rowsWhere((text) => text === "NA")).toEqual([8, 108, 208]);
  });

  it("of many codes with leading zeros keeps them as text", async () => {
    const codes = Array.from({ length: 30_000 }, (_, i) => String(i).padStart(6, "0"));
    const [code] = (await read("codes.csv", `code\n${codes.join("\n")}\n`)).columns;
    expect([code?.isLong, code?.text(17)]).toEqual([false, "000017"]);
  });
});

describe("JSON lines", () => {
  it("are read with fields that some rows lack, and with nested values as JSON", async () => {
    const table = await read("a.jsonl", '{"a":1,"b":"x"}\n\n{"a":null,"c":[1,2]}\n{"b":true}\n');
    expect(namesOf(table)).toEqual(["a", "b", "c"]);
    expect(rowsOf(table)).toEqual([
      ["1", "x", ""],
      ["", "", "[1,2]"],
      ["", "true", ""],
    ]);
  });

  it("say in which line they are broken", async () => {
    await expect(read("b.jsonl", '{"a":1}\n{"a":\n')).rejects.toThrow(/b\.jsonl, line 2: it is not a JSON object/);
  });
});

describe("a Parquet file of another writer", () => {
  it("is read with every type and compression", async () => {
    const database = await (await DuckDBInstance.create()).connect();
    for (const compression of ["snappy", "gzip", "zstd", "uncompressed"]) {
      const path = join(folder, `${compression}.parquet`);
      await database.run(
        `COPY (SELECT i::INTEGER AS n, i::BIGINT AS big, i / 4.0 AS x, i % 2 = 0 AS even, 'row ' || i AS name,
           CASE WHEN i = 2 THEN NULL ELSE DATE '2026-01-01' + i::INTEGER END AS day
         FROM range(5) t(i)) TO '${path}' (FORMAT parquet, COMPRESSION ${compression})`,
      );
      const table = await readTable(path);
      expect(namesOf(table)).toEqual(["n", "big", "x", "even", "name", "day"]);
      expect(rowsOf(table)[3]).toEqual(["3", "3", "0.75", "false", "row 3", "2026-01-04T00:00:00.000Z"]);
      expect(rowsOf(table)[2]?.at(-1)).toBe("");
    }
  });
});

describe("a folder of images", () => {
  it("is read as a file and a label each; the size is that of the upright picture", async () => {
    const pictures = join(folder, "pictures");
    for (const [label, colour] of [
      ["cat", "red"],
      ["dog", "blue"],
    ] as const) {
      await mkdir(join(pictures, label), { recursive: true });
      const picture = sharp({ create: { width: 20, height: 10, channels: 3, background: colour } });
      await picture
        .clone()
        .png()
        .toFile(join(pictures, label, "a.png"));
      await picture
        .clone()
        .withMetadata({ orientation: 6 })
        .jpeg()
        .toFile(join(pictures, label, "b.jpg"));
      await writeFile(join(pictures, label, "notes.txt"), "no picture");
    }
    const table = await readTable(pictures);
    expect(rowsOf(table)).toEqual([
      ["cat/a.png", "cat"],
      ["cat/b.jpg", "cat"],
      ["dog/a.png", "dog"],
      ["dog/b.jpg", "dog"],
    ]);
    expect(await sizeOfImage(join(pictures, "cat/b.jpg"))).toEqual({ width: 10, height: 20, isGrey: false });
    await writeFile(join(pictures, "cat/broken.png"), "nothing");
    await expect(sizeOfImage(join(pictures, "cat/broken.png"))).rejects.toThrow(
      /broken\.png cannot be read as an image/,
    );
  });

  it("without images is refused", async () => {
    await mkdir(join(folder, "empty"));
    await expect(readTable(join(folder, "empty"))).rejects.toThrow(/has no images\. Put/);
  });
});

it("reads a URL, and says what it answered where it is none", async () => {
  const server = await startServer((request, response) => {
    if (request.url === "/a.csv") response.end("a,b\n1,2\n");
    else response.writeHead(404).end();
  });
  expect(rowsOf(await readTable(`${server.url}/a.csv`))).toEqual([["1", "2"]]);
  await expect(readTable(`${server.url}/b.csv`)).rejects.toThrow(/status 404/);
  server.stop();
});
