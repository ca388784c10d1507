import { openDevice } from "#client/device/index.ts";

// A page for tests and measurements: it opens devices where they say.
Object.assign(globalThis, { openDevice });
