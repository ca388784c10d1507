// Starts the local ladder with a trained example. Run it: npm start
// Ports: UPRIVER_PORT (8787) and UPRIVER_ORIGIN_PORT (8788). Data: .wrangler/state and .upriver, here or in the folder
// that UPRIVER_FOLDER names.
import { exitWith } from "./local/failure.ts";
import { projectFolder } from "./local/project.ts";
import { serve } from "./local/serve.ts";

const example = "storefront";
await serve({ folder: projectFolder(), recipe: example, demo: { recipe: example } }).catch(exitWith);
