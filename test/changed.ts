// Runs the tests that mirror what changed since a commit (HEAD unless named): npm run test:changed [-- <commit>]
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { basename, join } from "node:path";

const root = join(import.meta.dirname, "..");
const sources =
  /^(?:workers\/|(?=durable-objects\/|scripts\/))(core|edge|origin|client|console|durable-objects|scripts)\/(.+)$/;
const tests = globSync("test/**/*.test.ts", { cwd: root });

/**
 * Returns the tests of a source file: those in the folder or with the name of the file, else of its innermost folder
 * that has any, else all of its area. A changed test stands for itself. Journeys run only when they changed.
 */
export function testsOf(file: string): string[] {
  if (file.startsWith("test/")) return tests.filter((test) => test === file);
  const [, area, path = ""] = sources.exec(file) ?? [];
  if (area === undefined) return [];
  const ofArea = tests.filter((test) => test.startsWith(`test/${area}/`));
  const names = path.replace(/\.\w+$/, "").split("/");
  for (const name of names.reverse()) {
    const found = ofArea.filter((test) => test.includes(`/${name}/`) || basename(test).split(".")[0] === name);
    if (found.length > 0) return found;
  }
  return ofArea;
}

function git(...args: string[]): string[] {
  return spawnSync("git", args, { cwd: root, encoding: "utf8" }).stdout.split("\n").filter(Boolean);
}

if (import.meta.main) {
  const [commit = "HEAD"] = process.argv.slice(2);
  const changed = [...git("diff", "--name-only", commit), ...git("ls-files", "--others", "--exclude-standard")];
  const selected = [...new Set(changed.flatMap(testsOf))].sort();
  if (selected.length === 0) console.log(`No test mirrors what changed since ${commit}.`);
  else {
    console.log(selected.join("\n"));
    const args = ["run", "--config", "test/vitest.config.ts", ...selected];
    process.exitCode =
      spawnSync(join(root, "node_modules/.bin/vitest"), args, { cwd: root, stdio: "inherit" }).status ?? 1;
  }
}
