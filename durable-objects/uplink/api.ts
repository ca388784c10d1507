import type { UplinkState } from "#core/contract/index.ts";

/** The one object's name. */
export const uplinkObjectName = "uplink";

/** What connects a node with the rung above: it takes models from there, and says there that the node lives. */
export interface UplinkApi {
  /** Starts what the node does without a caller. It goes on where it has started; call it at each start of the process. */
  wake(): void;
  state(): UplinkState;
}
