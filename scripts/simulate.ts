// Runs simulations. Run it: npm run simulate -- certificates [--lives 2000] [--json]
//                  or: npm run simulate -- canary [--lives 200] [--json]
//                  or: npm run simulate -- splits [--seeds 200] [--target 0.1] [--json]
//                  or: npm run simulate -- escalation [--lives 200] [--json]
//                  or: npm run simulate -- budget [--months 100] [--json]
//                  or: npm run simulate -- cold-start [--questions 3000] [--seed 1] [--json]
//                  or: npm run simulate -- defences [--seeds 3] [--rows 4000] [--json]
//                  or: npm run simulate -- poisoning [--lives 20] [--json]
//                  or: npm run simulate -- device [--questions 1000] [--seeds 5] [--json]
//                  or: npm run simulate -- examples [--each 20] [--seeds 5] [--json]
//                  or: npm run simulate -- few-labels [--lives 200] [--json]
//                  or: npm run simulate -- label-errors <recipe> [--share 0.02] [--rows 20000] [--minutes 3] [--json]
//                  or: npm run simulate -- hostile [--requests 10000] [--seed 1] [--json]
//                  or: npm run simulate -- scale [--regions 1000] [--per-second 1000] [--out plots] [--json]
//                  or: npm run simulate -- uplink [--questions 1000] [--reviews 100] [--seed 1] [--json]
import { Command } from "commander";
import { exitWith } from "./local/failure.ts";
import { budgetSimulation } from "./simulate/budget.ts";
import { canarySimulation } from "./simulate/canary.ts";
import { certificatesSimulation } from "./simulate/certificates.ts";
import { coldStartSimulation } from "./simulate/cold-start.ts";
import { defencesSimulation } from "./simulate/defences.ts";
import { deviceSimulation } from "./simulate/device.ts";
import { escalationSimulation } from "./simulate/escalation.ts";
import { examplesSimulation } from "./simulate/examples.ts";
import { fewLabelsSimulation } from "./simulate/few-labels.ts";
import { hostileSimulation } from "./simulate/hostile.ts";
import { labelErrorsSimulation } from "./simulate/label-errors.ts";
import { poisoningSimulation } from "./simulate/poisoning.ts";
import { scaleSimulation } from "./simulate/scale.ts";
import { splitsSimulation } from "./simulate/splits.ts";
import { uplinkSimulation } from "./simulate/uplink.ts";

const program = new Command("simulate").description("run simulations with a fixed seed; results repeat exactly");
budgetSimulation(program);
canarySimulation(program);
certificatesSimulation(program);
coldStartSimulation(program);
defencesSimulation(program);
deviceSimulation(program);
escalationSimulation(program);
examplesSimulation(program);
fewLabelsSimulation(program);
hostileSimulation(program);
labelErrorsSimulation(program);
poisoningSimulation(program);
scaleSimulation(program);
splitsSimulation(program);
uplinkSimulation(program);
try {
  await program.parseAsync();
} catch (error) {
  exitWith(error);
}
