// Runs benchmarks. Run it: npm run bench -- edge [--seconds 4] [--rounds 3] [--starts 7] [--connections 1,8,32,128] [--json]
//               or: npm run bench -- escalate [--seconds 4] [--rounds 3] [--beside <checkout>] [--json]
//               or: npm run bench -- load [--seconds 60] [--rounds 3] [--times 10] [--callers 16] [--json]
//               or: npm run bench -- regions [--counts 10 100 1000] [--rounds 3] [--beside <checkout>] [--json]
//               or: npm run bench -- retrain [--samples 4000] [--json]
//               or: npm run bench -- console [--rounds 5] [--seconds 120] [--json]
//               or: npm run bench -- device [--questions 500] [--rounds 3] [--json]
//               or: npm run bench -- train [--seconds 4] [--rounds 3] [--json]
//               or: npm run bench -- trainers <recipe> [--rows 10000] [--epochs 2] [--seeds 3] [--processes 1 2] [--json]
//               or: npm run bench -- pictures [--seconds 4] [--rounds 3] [--json]
//               or: npm run bench -- text <recipe> <rows> [--json]
//               or: npm run bench -- endurance [--minutes 30] [--rate 60] [--json]
//               or: npm run bench -- node [--seconds 4] [--rounds 3] [--starts 5] [--kept 100000] [--json]
import { Command } from "commander";
import { consoleBench } from "./bench/console.ts";
import { deviceBench } from "./bench/device.ts";
import { edgeBench } from "./bench/edge.ts";
import { enduranceBench } from "./bench/endurance.ts";
import { escalateBench } from "./bench/escalate.ts";
import { loadBench } from "./bench/load.ts";
import { nodeBench } from "./bench/node.ts";
import { picturesBench } from "./bench/pictures.ts";
import { regionsBench } from "./bench/regions/index.ts";
import { retrainBench } from "./bench/retrain.ts";
import { textBench } from "./bench/text.ts";
import { trainBench } from "./bench/train.ts";
import { trainersBench } from "./bench/trainers.ts";
import { exitWith } from "./local/failure.ts";

const program = new Command("bench").description("run benchmarks; results are ratios within one run");
deviceBench(program);
edgeBench(program);
enduranceBench(program);
escalateBench(program);
loadBench(program);
nodeBench(program);
picturesBench(program);
regionsBench(program);
retrainBench(program);
textBench(program);
consoleBench(program);
trainBench(program);
trainersBench(program);
try {
  await program.parseAsync();
} catch (error) {
  exitWith(error);
}
