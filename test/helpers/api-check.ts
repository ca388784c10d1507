import { Validator } from "@cfworker/json-schema";
import type { OpenApi, Operation } from "#core/contract/index.ts";

/** Checks responses against an OpenAPI document: each response of a documented route must be one that it describes. */
export class ApiCheck {
  private readonly document: OpenApi;
  private readonly paths: { pattern: RegExp; methods: Record<string, Operation> }[];
  private readonly validators = new Map<string, Validator>();

  constructor(document: OpenApi) {
    this.document = document;
    // The most literal path comes first: "/v1/models/{model}:predict" before "/v1/models/{model}".
    const literal = (path: string) => path.replace(/\{\w+\}/g, "").length;
    this.paths = Object.entries(document.paths)
      .sort(([a], [b]) => literal(b) - literal(a))
      .map(([path, methods]) => ({ pattern: patternOf(path), methods }));
  }

  /** Throws when a response does not match the document. Reads a copy of the body. */
  async check(method: string, url: string, response: Response): Promise<void> {
    const { pathname } = new URL(url);
    const operation = this.paths.find(({ pattern }) => pattern.test(pathname))?.methods[method.toLowerCase()];
    if (!operation) return;
    const { status } = response;
    const type = response.headers.get("content-type")?.split(";")[0] ?? "";
    const described = operation.responses[status] ?? (status >= 400 ? operation.responses.default : undefined);
    const where = `${method} ${pathname}: status ${status}, ${type}`;
    if (!described) throw new Error(`${where}: the document has no such status`);
    if (type === "" && Object.keys(described.content).length === 0) return;
    const body = described.content[type] as { schema: { $ref?: string } } | undefined;
    if (!body) throw new Error(`${where}: the document has ${Object.keys(described.content).join(", ")}`);
    const { $ref } = body.schema;
    if ($ref === undefined) return;
    const { valid, errors } = this.validatorOf($ref).validate(await response.clone().json());
    if (!valid) {
      const last = errors.slice(-3).map(({ instanceLocation, error }) => `${instanceLocation}: ${error}`);
      throw new Error(`${where}: ${last.join("; ")}`);
    }
  }

  private validatorOf($ref: string): Validator {
    const known = this.validators.get($ref);
    if (known) return known;
    const validator = new Validator({ $ref, components: this.document.components } as object, "2020-12");
    this.validators.set($ref, validator);
    return validator;
  }
}

function patternOf(path: string): RegExp {
  const parts = path.split(/\{\w+\}/).map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
  return new RegExp(`^${parts.join("[^/]+")}$`);
}
