import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, it } from "vitest";
import { root } from "#scripts/local/process.ts";
import { createProgram } from "#scripts/program.ts";

const readme = await readFile(join(root, "README.md"), "utf8");

const verbs = (await createProgram()).commands;

describe("README.md", () => {
  it("lists every verb of the command line, each once and in the order of --help", () => {
    const section = readme.split("\n## The command line\n")[1]?.split("\n## ")[0] ?? "";
    const listed = [...section.matchAll(/^\| `([a-z]+)[^|]*`\s*\|/gm)].map(([, verb]) => verb);
    expect(listed).toEqual(verbs.map((verb) => verb.name()));
  });

  it("gives each verb the arguments that it takes", () => {
    for (const verb of verbs) {
      const row = readme.match(new RegExp(`^\\| \`${verb.name()}([^|]*)\` \\|`, "m"))?.[1] ?? "missing";
      const taken = verb.registeredArguments.map(({ required, variadic }) => ({ required, variadic }));
      const given = [...row.matchAll(/([<[])([^>\]]+)[>\]]/g)].map(([, bracket, name]) => ({
        required: bracket === "<",
        variadic: name?.endsWith("…") ?? false,
      }));
      expect({ verb: verb.name(), given }).toEqual({ verb: verb.name(), given: taken });
    }
  });

  it("says of every dependency why it is there, and of no other", async () => {
    const { dependencies, optionalDependencies, devDependencies } = JSON.parse(
      await readFile(join(root, "package.json"), "utf8"),
    ) as Record<string, Record<string, string>>;
    const section = readme.split("\n## Dependencies\n")[1] ?? "";
    const listed = [...section.matchAll(/^\| (`[^|]+)\|/gm)].flatMap(([, cell = ""]) =>
      [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => name as string),
    );
    const needed = Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies });
    expect(listed.sort()).toEqual(needed.sort());
  });
});

const documents = [
  ...["README.md", "ARCHITECTURE.md", "OPERATIONS.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"],
  ...["durable-objects/region/README.md", "durable-objects/registry/README.md", "durable-objects/review/README.md"],
  ...["workers/origin/README.md", "workers/client/README.md"],
];

/** The anchors that a page's headings have, as GitHub names them. */
function anchorsOf(markdown: string): string[] {
  return [...markdown.matchAll(/^#+ (.+)$/gm)].map(([, heading = ""]) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\w\- ]/g, "")
      .replaceAll(" ", "-"),
  );
}

describe.each(documents)("%s", (file) => {
  it("links to files and headings that exist", async () => {
    const text = await readFile(join(root, file), "utf8");
    const links = [...text.matchAll(/\]\(([^)#:\s]*)(?:#([^)]*))?\)/g)];
    for (const [link, target = "", anchor] of links) {
      const path = target === "" ? join(root, file) : join(root, dirname(file), target);
      const page = await readFile(path, "utf8").catch(() => null);
      expect(page, `${link} names a file`).not.toBeNull();
      if (anchor !== undefined) expect(anchorsOf(page ?? ""), `${link} names a heading`).toContain(anchor);
    }
  });
});
