import { openDevice } from "#client/device/index.ts";

// The page of a test: it opens devices where the test says.
Object.assign(globalThis, { openDevice });
