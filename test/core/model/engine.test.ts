import { servingEngine } from "#core/model/serving-engine.ts";
import { tfjsEngine } from "#core/model/tfjs/engine.ts";
import { plainEngine } from "#test/helpers/plain-engine.ts";
import { testEngine } from "./engine.suite.ts";

testEngine("serving", async () => servingEngine);
testEngine("tfjs-wasm", tfjsEngine);
testEngine("plain", async () => plainEngine);
