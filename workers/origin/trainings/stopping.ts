/** Why a training is interrupted when the origin stops: it saves a checkpoint, and continues when the origin starts again. */
export const stopping = "the origin stops";
