/** A fault at one path of an instance. */
export interface InputFault {
  path: string;
  expected: string;
  received: string;
}

/** The context of an instance, parts of which may be input. */
export interface InputContext {
  region: string;
}
