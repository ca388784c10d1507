export type { Budget, ColumnPlan, LayerPlan, TrainingPlan, WeightType } from "#core/contract/index.ts";
export { weightTypes } from "#core/contract/index.ts";
export { builtIns, exampleRecipe } from "./built-in.ts";
export { findDocument, openRecipe, recipeOfDocument, trainable } from "./open.ts";
export type { FeaturesPlan, InputPlan, LoadOptions, NetworkPlan, Recipe, Row } from "./recipe.ts";
