import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { expect } from 'chai';

import { http, type HttpAnswer, type HttpTarget, type Sent } from './http.js';

interface Documented {
  readonly operationId: string;
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, object>> }>>;
}

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Documented>>>>;
  readonly components: object;
}

/** Holds real answers against the document that describes them, and notes which were seen. */
export class OpenApiTour {
  readonly #operations = new Map<string, { method: string; path: string; documented: Documented }>();
  readonly #seen = new Set<string>();
  readonly #ajv = new Ajv2020({ strict: false, allErrors: true });
  readonly #validators = new Map<string, ValidateFunction>();

  constructor(document: Document) {
    this.#ajv.addSchema({ $id: 'https://policystore.example/openapi.json', components: document.components });
    for (const [path, methods] of Object.entries(document.paths)) {
      for (const [method, documented] of Object.entries(methods)) {
        this.#operations.set(documented.operationId, { method: method.toUpperCase(), path, documented });
      }
    }
  }

  get operations(): string[] {
    return [...this.#operations.keys()];
  }

  /** The answers that the document promises, as `operation status`. */
  get promised(): string[] {
    return [...this.#operations.values()].flatMap(({ documented }) =>
      Object.keys(documented.responses).map((status) => `${documented.operationId} ${status}`),
    );
  }

  get seen(): string[] {
    return [...this.#seen];
  }

  /** The path of an operation. */
  pathOf(operation: string, params: Readonly<Record<string, string>> = {}): string {
    const { path } = this.#of(operation);
    return path.replace(/\{(\w+)\}/g, (_, name: string) => encodeURIComponent(params[name] ?? ''));
  }

  methodOf(operation: string): string {
    return this.#of(operation).method;
  }

  /** Calls an operation, which must answer `status` as the document says. */
  async call(
    target: HttpTarget,
    operation: string,
    status: number,
    { params, query = '', ...sent }: Sent & { params?: Record<string, string>; query?: string } = {},
  ): Promise<HttpAnswer> {
    const answer = await http(target, this.methodOf(operation), this.pathOf(operation, params) + query, sent);
    expect(answer.status, `${operation}: ${answer.text}`).to.equal(status);
    this.check(operation, answer);
    return answer;
  }

  /** Holds an answer against the document. */
  check(operation: string, { status, headers, text, json }: HttpAnswer): void {
    const { documented } = this.#of(operation);
    const response = documented.responses[String(status)];
    expect(
      response,
      `${operation} answered ${String(status)}, which is not documented: ${text}`,
    ).to.not.equal(undefined);
    this.#seen.add(`${operation} ${String(status)}`);
    const content = response?.content;
    if (content === undefined) {
      expect(text).to.equal('');
      return;
    }
    const [type = ''] = Object.keys(content);
    expect(headers['content-type'], operation).to.match(new RegExp(`^${type.replace(/[.+]/g, '\\$&')}(;|$)`));
    if (type !== 'application/json') return;
    const validate = this.#validator((content[type] as { schema: { $ref: string } }).schema.$ref);
    expect(
      validate(json),
      `${operation} ${String(status)}: ${JSON.stringify(validate.errors)} in ${text}`,
    ).to.equal(true);
  }

  #of(operation: string): { method: string; path: string; documented: Documented } {
    const known = this.#operations.get(operation);
    if (known === undefined) throw new Error(`the document has no operation ${operation}`);
    return known;
  }

  #validator(ref: string): ValidateFunction {
    let validator = this.#validators.get(ref);
    if (validator === undefined) {
      validator = this.#ajv.compile({ $ref: `https://policystore.example/openapi.json${ref}` });
      this.#validators.set(ref, validator);
    }
    return validator;
  }
}
