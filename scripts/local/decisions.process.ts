// Serves the local decision server: a double of decision models and chat models, configured by the environment:
// UPRIVER_FOLDER, DECISIONS_PORT, and DECISIONS_RECIPES (a JSON list), whose own rows it learns. `npm start` runs it where a
// recipe asks for such a rung and its key is missing: node scripts/local/decisions.process.ts
import { serve } from "@hono/node-server";
import { openRecipe } from "#origin/recipes/index.ts";
import { doubleApp } from "./decisions/app.ts";
import { DoubleClassifier } from "./decisions/classifier.ts";
import { root } from "./process.ts";

const { UPRIVER_FOLDER: folder = root, DECISIONS_PORT: port = "8789", DECISIONS_RECIPES: recipes = "[]" } = process.env;
const classifier = new DoubleClassifier();
const server = serve({ fetch: doubleApp(classifier).fetch, hostname: "127.0.0.1", port: Number(port) }, (address) => {
  console.log(JSON.stringify({ event: "listening", double: true, port: address.port }));
});
process.once("SIGTERM", () => {
  if ("closeAllConnections" in server) server.closeAllConnections();
  server.close(() => process.exit(0));
});
for (const name of JSON.parse(recipes) as string[]) {
  try {
    const recipe = await openRecipe(name, folder);
    const rows = await recipe.load({});
    // Of labels without rows, names and descriptions are compared with the state.
    if (rows.length === 0) continue;
    classifier.learn(
      recipe.labels,
      rows.map(({ instance: state, label }) => ({ state, label })),
    );
    console.log(JSON.stringify({ event: "learned", recipe: name, rows: rows.length }));
  } catch (error) {
    // Without rows it compares the words of states and labels.
    console.log(JSON.stringify({ event: "not-learned", recipe: name, reason: String(error) }));
  }
}
