import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { plainEngine } from "#test/helpers/plain-engine.ts";
import { testEngine } from "./engine.suite.ts";

testEngine("tfjs-wasm", tfjsEngine);
testEngine("plain", async () => plainEngine);
