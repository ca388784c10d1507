/** The event of the log line that tells a node's process that other keys are valid above. */
export const keysChangedEvent = "node-keys-changed";
