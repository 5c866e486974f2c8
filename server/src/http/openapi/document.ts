import type { JsonObject } from '../../domain/policy.js';
import { type Operation, OPERATION_IDS, OPERATIONS, parametersOf } from '../operations.js';
import { HEADERS, PATH, QUERY } from './parameters.js';
import { COMPONENTS, type SchemaName } from './schemas.js';

const TEXTS: Readonly<Record<number, string>> = {
  200: 'Done.',
  202: 'In force on this server, and committed when the store is back.',
  304: 'What the caller knows is current.',
  400: 'The request says nothing that can be done.',
  401: 'It is not proved who calls.',
  403: 'The caller may not do that.',
  404: 'There is no such thing.',
  408: 'The body did not arrive in time.',
  409: 'What is in force does not allow it.',
  410: 'The log does not reach that far back any more.',
  412: 'The version is another one than If-Match says.',
  413: 'The body is too large.',
  415: 'The body is no JSON by its type.',
  422: 'Something in the request is not valid.',
  429: 'Too much at once.',
  503: 'The policy is not served now; Retry-After says when to try again.',
};

/** The port in the form of OpenAPI 3.1, of the catalogue that its router is made of. */
export function openApiDocument(): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const id of OPERATION_IDS) {
    const operation: Operation = OPERATIONS[id];
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method.toLowerCase()]: describe(id, operation),
    };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'PolicyStore',
      version: '1',
      description:
        'The trading policy over REST. Every answer of /api has X-Policy-Valid-For-Ms: how long it may be believed. Errors have ' +
        'their reason for programs in X-Policy-Error.',
    },
    paths,
    components: {
      schemas: { ...COMPONENTS },
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        certificate: { type: 'mutualTLS' },
      },
    },
    security: [{ bearer: [] }, { certificate: [] }, {}],
  };
}

function describe(id: string, operation: Operation): JsonObject {
  const { summary, path, headers = [], body, open = false } = operation;
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => parameter('path', name, PATH)),
    ...parametersOf(operation).map((name) => parameter('query', name, QUERY)),
    ...['X-Policy-Client', 'X-Request-Id', ...headers].map((name) => parameter('header', name, HEADERS)),
  ];
  return {
    operationId: id,
    summary,
    parameters,
    ...(body !== undefined && {
      requestBody: { required: body === 'Policy' || body === 'PolicyMerge', content: contentOf(body) },
    }),
    responses: responsesOf(operation),
    ...(open && { security: [] }),
  };
}

function parameter(
  place: 'path' | 'query' | 'header',
  name: string,
  known: Readonly<Record<string, { readonly description: string; readonly schema: JsonObject }>>,
): JsonObject {
  return {
    in: place,
    name,
    ...known[name],
    ...((place === 'path' || name === 'time') && { required: true }),
  };
}

function responsesOf({ answers, errors }: Operation): JsonObject {
  const responses: JsonObject = {};
  for (const [status, form] of Object.entries(answers)) {
    responses[status] = {
      description: TEXTS[Number(status)] ?? '',
      ...(form !== null && { content: contentOf(form) }),
    };
  }
  for (const status of [...errors].sort((a, b) => a - b)) {
    responses[String(status)] = { description: TEXTS[status] ?? '', content: contentOf('Problem') };
  }
  return responses;
}

function contentOf(form: SchemaName | `${string}/${string}`): JsonObject {
  if (form.includes('/')) return { [form]: { schema: {} } };
  return { 'application/json': { schema: { $ref: `#/components/schemas/${form}` } } };
}
