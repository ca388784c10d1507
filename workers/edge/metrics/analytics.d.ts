/** Bound where wrangler.toml says so; a deployment may be without it. */
interface Env {
  ANALYTICS?: AnalyticsEngineDataset;
}
