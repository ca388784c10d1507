import * as z from "zod";

/** JSON schema of an instance, which zod can't derive since a function checks it. */
const instance = {
  anyOf: [
    { type: "object", additionalProperties: true },
    { type: "array", items: {} },
  ],
  description: "Named columns, or the (nested) numbers of a tensor or an image.",
};

type Json = Record<string, unknown>;

/**
 * Converts every named schema to JSON schema, by name. References between them are `refOf(name)`.
 * @param own additions to the schema of a name
 */
export function jsonSchemas(
  refOf: (name: string) => string,
  own: Readonly<Record<string, Json>> = {},
): Record<string, Json> {
  const { schemas } = z.toJSONSchema(z.globalRegistry, {
    io: "input",
    unrepresentable: "any",
    uri: refOf,
    override: ({ zodSchema, jsonSchema }) => {
      const name = z.globalRegistry.get(zodSchema as unknown as z.ZodType)?.id;
      if (name === "Instance") Object.assign(jsonSchema, instance);
      if (name !== undefined) Object.assign(jsonSchema, own[name]);
    },
  });
  return Object.fromEntries(
    Object.entries(schemas).map(([name, { $id: _, $schema: __, id: ___, ...schema }]) => [name, schema]),
  );
}
