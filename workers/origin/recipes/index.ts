export type {
  Budget,
  ColumnPlan,
  LayerPlan,
  NetworkKind,
  NumberScale,
  TrainingPlan,
  WeightType,
} from "#core/contract/index.ts";
export { weightTypes } from "#core/contract/index.ts";
export { builtIns, exampleRecipe } from "./built-in.ts";
export { findDocument, isBase, openRecipe, recipeOfDocument, trainable } from "./open.ts";
export type {
  FeaturesPlan,
  FoundDocument,
  InputPlan,
  LoadOptions,
  NetworkForm,
  NetworkPlan,
  NumberPlan,
  OwnThinPlan,
  Recipe,
  Row,
} from "./recipe.ts";
