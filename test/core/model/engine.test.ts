import { tfjsEngine } from "../../../workers/core/model/tfjs/engine.ts";
import { plainEngine } from "../../helpers/plain-engine.ts";
import { testEngine } from "./engine.suite.ts";

testEngine("tfjs-wasm", tfjsEngine);
testEngine("plain", async () => plainEngine);
