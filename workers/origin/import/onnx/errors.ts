/** A model that cannot be converted; the message names the place and says what to do. */
export class OnnxError extends Error {
  override readonly name = "OnnxError";
}
