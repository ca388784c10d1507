/** The settings of an edge under measure: closed, and without a rung above. */
export const edgeSettings = {
  NODE_ID: "edge",
  PUBLIC_ASK: "off",
  ALLOWED_ORIGINS: "",
  LOG_ANSWERS: "escalated",
  NEXT_RUNG_URL: "",
};
