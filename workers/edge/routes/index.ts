import type { Route } from "../call.ts";
import { openApiRoutes } from "../openapi/routes.ts";
import { alertRoutes } from "./alerts.ts";
import { askRoutes } from "./ask.ts";
import { auditRoutes } from "./audit.ts";
import { canaryRoutes } from "./canary.ts";
import { checksRoutes } from "./checks.ts";
import { contributionRoutes } from "./contributions.ts";
import { decisionRoutes } from "./decisions.ts";
import { healthRoutes } from "./health.ts";
import { labelStudioRoutes } from "./label-studio.ts";
import { metricsRoutes } from "./metrics.ts";
import { modelRoutes } from "./models.ts";
import { nodeRoutes } from "./nodes.ts";
import { openInferenceRoutes } from "./open-inference.ts";
import { publishRoutes } from "./publish.ts";
import { questionListRoutes } from "./question-list.ts";
import { questionRoutes } from "./questions.ts";
import { regionRoutes } from "./regions.ts";
import { restoreRoutes } from "./restore.ts";
import { reviewRoutes } from "./review.ts";
import { reviewQuestionRoutes } from "./review-questions.ts";
import { samplesRoutes } from "./samples.ts";
import { servingRoutes } from "./serving.ts";
import { tensorflowServingRoutes } from "./tensorflow-serving.ts";
import { tokenRoutes } from "./tokens.ts";
import { trainingRoutes } from "./trainings.ts";
import { truthsRoutes } from "./truths.ts";

const described: readonly Route[] = [
  ...askRoutes,
  ...questionRoutes,
  ...questionListRoutes,
  ...truthsRoutes,
  ...samplesRoutes,
  ...modelRoutes,
  ...publishRoutes,
  ...restoreRoutes,
  ...trainingRoutes,
  ...canaryRoutes,
  ...regionRoutes,
  ...contributionRoutes,
  ...servingRoutes,
  ...reviewRoutes,
  ...reviewQuestionRoutes,
  ...labelStudioRoutes,
  ...metricsRoutes,
  ...alertRoutes,
  ...checksRoutes,
  ...tokenRoutes,
  ...nodeRoutes,
  ...auditRoutes,
  ...healthRoutes,
  ...openInferenceRoutes,
  ...tensorflowServingRoutes,
  ...decisionRoutes,
];

/** Every route of the edge. */
export const routes: readonly Route[] = [...described, ...openApiRoutes(described)];
