import * as z from "zod";

/** An instance is checked by hand (see its schema); what it may be is said here. */
const instance = {
  anyOf: [
    { type: "object", additionalProperties: true },
    { type: "array", items: {} },
  ],
  description: "Named columns, or the (nested) numbers of a tensor or an image.",
};

type Json = Record<string, unknown>;

/**
 * Every schema that has a name, as JSON schema, by its name; they refer to each other by `refOf(name)`.
 * @param own what to add to the schema of a name
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
