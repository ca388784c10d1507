import { type Port, serveApi } from "./channel.ts";
import { openRuntime } from "./runtime.ts";

// The worker of a page: runs the model, so that the page never waits for it.
serveApi(globalThis as unknown as Port, openRuntime);
