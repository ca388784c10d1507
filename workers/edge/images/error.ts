import type { InputFault } from "#core/input/index.ts";

/** An image that can't be read: what was expected, what was received, and what to do about it. */
export class ImageError extends Error {
  override readonly name = "ImageError";
  readonly fault: InputFault;
  readonly next: string | undefined;
  constructor(expected: string, received: string, { next, ...options }: ErrorOptions & { next?: string } = {}) {
    super(received, options);
    this.fault = { path: "body", expected, received };
    this.next = next;
  }
}

/** The error for bytes that break the rules of their type. */
export function brokenImage(type: string, cause?: unknown, received = "a file that can't be decoded"): ImageError {
  return new ImageError(`a valid file of type ${type}`, received, { cause });
}
