// Deletes the local ladder's state: .upriver, .wrangler/state and the .dev.vars that npm start made. Run it: npm run reset
// UPRIVER_FOLDER names another folder than this one.
import { exitWith } from "./local/failure.ts";
import { projectFolder } from "./local/project.ts";
import { resetState } from "./local/state.ts";

const folder = projectFolder();

try {
  const { deleted, kept } = await resetState(folder, (line) => console.log(`  ${line}`));
  for (const path of kept) console.log(`  keeping ${path}: npm start did not make it`);
  console.log(
    deleted.length === 0
      ? `There is no local state in ${folder}.`
      : `The local state in ${folder} is deleted. Next: npm start`,
  );
} catch (error) {
  exitWith(error);
}
