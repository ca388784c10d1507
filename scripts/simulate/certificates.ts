import type { Command } from "commander";

/** `simulate certificates`: counts the labels until a certificate is valid, and how often one is ever false. */
export function certificatesSimulation(program: Command): void {
  program
    .command("certificates")
    .description("count the labels until a certificate is valid, and how often one is ever false")
    .option("--lives <n>", "number of lives a setting", "2000")
    .option("--json", "print one JSON object instead of text");
}
