/** Settings of an edge in a benchmark: no public access and no rung above. */
export const edgeSettings = {
  NODE_ID: "edge",
  PUBLIC_ASK: "off",
  ALLOWED_ORIGINS: "",
  LOG_ANSWERS: "escalated",
  NEXT_RUNG_URL: "",
};
