import { Ajv2020 } from 'ajv/dist/2020.js';

import type { Answer } from './call.js';

/** What is read of an OpenAPI document here. */
export interface OpenApi {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

export interface Operation {
  readonly operationId: string;
  readonly parameters?: readonly {
    readonly in: string;
    readonly name: string;
    readonly required?: boolean;
  }[];
  readonly responses: Readonly<Record<string, { readonly content?: Readonly<Record<string, unknown>> }>>;
}

/** Holds answers against the document that describes them. */
export interface Documented {
  /** @throws Error where the document does not have that answer, or has it otherwise. */
  expect(line: string, answer: Answer): void;
}

const DOCUMENT = 'openapi.json';

export function createDocumented(document: OpenApi): Documented {
  const ajv = new Ajv2020({ strict: false, validateFormats: false });
  ajv.addSchema(document, DOCUMENT, undefined, false);
  const templates = Object.keys(document.paths).map((template) => ({
    template,
    // A path without parameters comes before one that has them.
    rank: template.split('{').length,
    pattern: new RegExp(`^${template.replaceAll(/\{\w+\}/g, '[^/]+')}/?$`),
  }));
  templates.sort((a, b) => a.rank - b.rank);

  return {
    expect(line, { status, headers, text }) {
      const [method = '', target = ''] = line.toLowerCase().split(' ');
      const [path = ''] = target.split('?');
      const found = templates.find(({ pattern }) => pattern.test(path));
      const operation = found && document.paths[found.template]?.[method];
      // That there is no such path or method stands in no document.
      if (found === undefined || operation === undefined) return;
      const response = operation.responses[String(status)];
      const where = `${method.toUpperCase()} ${found.template} ${status}`;
      if (response === undefined) throw new Error(`not in the OpenAPI document: ${where}: ${text}`);
      const type = headers['content-type']?.split(';')[0];
      if (response.content === undefined && text === '') return;
      if (type === undefined || response.content?.[type] === undefined) {
        throw new Error(`another content type than the OpenAPI document says: ${where}: ${type}`);
      }
      if (!type.endsWith('json')) return;
      const pointer = ['paths', found.template, method, 'responses', status, 'content', type, 'schema']
        .map((step) => String(step).replaceAll('~', '~0').replaceAll('/', '~1'))
        .join('/');
      const validate = ajv.getSchema(`${DOCUMENT}#/${pointer}`);
      if (validate === undefined) throw new Error(`no schema in the OpenAPI document: ${where}`);
      if (validate(JSON.parse(text)) === false) {
        throw new Error(
          `not as in the OpenAPI document: ${where}: ${ajv.errorsText(validate.errors)}: ${text}`,
        );
      }
    },
  };
}
