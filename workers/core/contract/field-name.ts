/** The name that no field can have: copies of an object, and schemas, would lose the field without a word. */
export const protoName = "__proto__";

/** Completes "must be …" for `isFieldName`. */
export const fieldNameExpected = `a name other than '${protoName}', which is reserved`;

/** Whether a text may name a field: a label, a column, a tensor. */
export function isFieldName(name: string): boolean {
  return name !== protoName;
}
