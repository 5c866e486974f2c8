import { readFileSync } from 'node:fs';

import {
  createFileRegistry,
  type DescFile,
  type FileRegistry,
  fromBinary,
  toBinary,
  type DescExtension,
} from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { type handleBidiStreamingCall, type Server, status } from '@grpc/grpc-js';

import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from './gen/grpc/reflection/v1/reflection.js';

import type { Identity } from '../engine/types.js';
import { CallEnds, type ServiceContext } from './calls.js';

type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;

/** A descriptor set of every proto that this server speaks, made by `buf build --as-file-descriptor-set`. */
const DESCRIPTORS = new URL('../../descriptors.binpb', import.meta.url);

const METHOD = ServerReflectionService.serverReflectionInfo;

/**
 * Serves reflection v1 and v1alpha (the same messages under another package name) for `services`, to those who may know
 * what there is.
 */
export function addReflection(server: Server, services: readonly string[], context: ServiceContext): void {
  const ends = new CallEnds('ServerReflectionInfo', context);
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, readFileSync(DESCRIPTORS)));
  const serverReflectionInfo: handleBidiStreamingCall<ServerReflectionRequest, ServerReflectionResponse> = (
    call,
  ) => {
    ends.opened(call);
    let isOver = false;
    const fail = (error: unknown): void => {
      isOver = true;
      call.emit('error', ends.failure(call, error));
    };
    const take = (identity: Identity): void => {
      ends.hold(call, identity, fail);
      call.on('data', (request: ServerReflectionRequest) => {
        if (isOver) return;
        try {
          context.engine.permit(identity, 'reflection');
        } catch (error) {
          fail(error);
          return;
        }
        const messageResponse = answer(registry, services, request);
        // The next question waits until this answer is on its way: a caller that only asks holds no memory.
        if (!call.write({ validHost: request.host, originalRequest: request, messageResponse })) {
          call.pause();
          call.once('drain', () => call.resume());
        }
      });
      call.on('end', () => {
        if (isOver) return;
        ends.finished(call);
        call.end();
      });
    };
    ends.identified(call, take, fail);
  };
  for (const version of ['v1', 'v1alpha']) {
    const path = METHOD.path.replace('.v1.', `.${version}.`);
    server.addService({ serverReflectionInfo: { ...METHOD, path } }, { serverReflectionInfo });
  }
}

function answer(
  registry: FileRegistry,
  services: readonly string[],
  request: ServerReflectionRequest,
): Answer {
  const question = request.messageRequest;
  switch (question?.$case) {
    case 'listServices':
      return { $case: 'listServicesResponse', value: { service: services.map((name) => ({ name })) } };
    case 'fileByFilename':
      return files(fileNamed(registry, question.value), question.value);
    case 'fileContainingSymbol':
      return files(fileWith(registry, question.value), question.value);
    case 'fileContainingExtension': {
      const { containingType, extensionNumber } = question.value;
      const extension = extensionsOf(registry, containingType).find((e) => e.number === extensionNumber);
      return files(extension?.file, `extension ${extensionNumber} of ${containingType}`);
    }
    case 'allExtensionNumbersOfType': {
      if (registry.getMessage(question.value) === undefined) return notFound(question.value);
      const extensionNumber = extensionsOf(registry, question.value).map((extension) => extension.number);
      return {
        $case: 'allExtensionNumbersResponse',
        value: { baseTypeName: question.value, extensionNumber },
      };
    }
    case undefined:
      return failure(status.INVALID_ARGUMENT, 'the request asks nothing');
  }
}

function fileNamed(registry: FileRegistry, name: string): DescFile | undefined {
  return registry.getFile(name);
}

/** The file of a type, service or extension, or of a method, field or enum value inside one. */
function fileWith(registry: FileRegistry, symbol: string): DescFile | undefined {
  const whole = registry.get(symbol);
  if (whole !== undefined) return whole.file;
  const dot = symbol.lastIndexOf('.');
  const name = symbol.slice(dot + 1);
  const parent = registry.get(symbol.slice(0, dot));
  switch (parent?.kind) {
    case 'service':
      return parent.methods.some((method) => method.name === name) ? parent.file : undefined;
    case 'message':
      return parent.fields.some((field) => field.name === name) ? parent.file : undefined;
    case 'enum':
      return parent.values.some((value) => value.name === name) ? parent.file : undefined;
    default:
      return undefined;
  }
}

function extensionsOf(registry: FileRegistry, typeName: string): DescExtension[] {
  return [...registry]
    .filter((desc) => desc.kind === 'extension')
    .filter((e) => e.extendee.typeName === typeName);
}

/** The file and what it imports, at any depth. */
function files(file: DescFile | undefined, name: string): Answer {
  if (file === undefined) return notFound(name);
  const all = new Set([file]);
  for (const each of all) for (const dependency of each.dependencies) all.add(dependency);
  const fileDescriptorProto = [...all].map((each) =>
    Buffer.from(toBinary(FileDescriptorProtoSchema, each.proto)),
  );
  return { $case: 'fileDescriptorResponse', value: { fileDescriptorProto } };
}

function notFound(name: string): Answer {
  return failure(status.NOT_FOUND, `not found: ${name}`);
}

function failure(errorCode: number, errorMessage: string): Answer {
  return { $case: 'errorResponse', value: { errorCode, errorMessage } };
}
