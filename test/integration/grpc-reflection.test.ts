import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';

import { status } from '@grpc/grpc-js';
import { fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { expect } from 'chai';

import {
  type ServerReflectionRequest,
  type ServerReflectionResponse,
  ServerReflectionService,
} from '../../server/src/grpc/gen/grpc/reflection/v1/reflection.js';
import { startServer, type TestServer } from '../support/server.js';

const run = promisify(execFile);
const ROOT = new URL('../..', import.meta.url).pathname;
const BUF = join(ROOT, 'node_modules/.bin/buf');
const GRPCURL = (process.env['PATH'] ?? '')
  .split(delimiter)
  .map((dir) => join(dir, 'grpcurl'))
  .find((path) => existsSync(path));

const SERVICE = 'quantumtrader.policy.v1.PolicyService';
const HISTORY = 'quantumtrader.policy.v1.HistoryService';
const FLEET = 'quantumtrader.policy.v1.FleetService';

type Question = NonNullable<ServerReflectionRequest['messageRequest']>;
type Answer = NonNullable<ServerReflectionResponse['messageResponse']>;

describe('reflection', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.close());

  const buf = (...args: string[]) =>
    run(BUF, ['curl', '--protocol', 'grpc', '--http2-prior-knowledge', ...args]);

  it('lets buf curl list the methods', async () => {
    const { stdout } = await buf('--list-methods', `http://${server.address}`);
    const methods = ['Get', 'Override', 'Patch', 'Reset', 'Restore', 'Rollback', 'Update', 'Watch'];
    expect(stdout.split('\n')).to.include.members([
      ...methods.map((method) => `${SERVICE}/${method}`),
      `${HISTORY}/GetRevision`,
      `${HISTORY}/ListChanges`,
      'grpc.health.v1.Health/Check',
    ]);
  });

  it('lets buf curl call a method without the protos', async () => {
    const request = JSON.stringify({ patch: { max_positions: 9 } });
    const { stdout } = await buf('-d', request, `http://${server.address}/${SERVICE}/Patch`);
    expect(JSON.parse(stdout)).to.have.nested.property('patch.maxPositions', 9);
  });

  for (const version of ['v1', 'v1alpha']) {
    it(`is spoken as ${version}`, async () => {
      const { stdout } = await buf(
        '--reflect-protocol',
        `grpc-${version}`,
        '--list-services',
        `http://${server.address}`,
      );
      expect(stdout.trim().split('\n').sort()).to.deep.equal([
        'grpc.health.v1.Health',
        'grpc.reflection.v1.ServerReflection',
        'grpc.reflection.v1alpha.ServerReflection',
        FLEET,
        HISTORY,
        SERVICE,
      ]);
    });
  }

  if (GRPCURL !== undefined) {
    const grpcurl = (...args: string[]) => run(GRPCURL, ['-plaintext', ...args]);

    it('lets grpcurl list, describe with comments, and call', async () => {
      const listed = await grpcurl(server.address, 'list');
      expect(listed.stdout.split('\n')).to.include(SERVICE);
      const described = await grpcurl(server.address, 'describe', 'quantumtrader.policy.v1.RankingsPatch');
      expect(described.stdout)
        .to.include('map<string, double> put = 3;')
        .and.to.include('// put sets scores');
      const called = await grpcurl('-d', '{}', server.address, `${SERVICE}/Get`);
      expect(JSON.parse(called.stdout)).to.have.property('policy');
    });
  }

  describe('answers', () => {
    const found: [what: string, question: Question, file: string][] = [
      [
        'a file by name',
        { $case: 'fileByFilename', value: 'quantumtrader/policy/v1/policy.proto' },
        'policy.proto',
      ],
      ['a service', { $case: 'fileContainingSymbol', value: SERVICE }, 'policy_service.proto'],
      ['a method', { $case: 'fileContainingSymbol', value: `${SERVICE}.Watch` }, 'policy_service.proto'],
      [
        'a field',
        { $case: 'fileContainingSymbol', value: 'quantumtrader.policy.v1.ListPatch.add' },
        'policy.proto',
      ],
      [
        'an enum value',
        { $case: 'fileContainingSymbol', value: 'google.protobuf.NullValue.NULL_VALUE' },
        'struct.proto',
      ],
      [
        'an error detail',
        { $case: 'fileContainingSymbol', value: 'google.rpc.ErrorInfo' },
        'error_details.proto',
      ],
    ];
    for (const [what, question, file] of found) {
      it(`${what} with its file first, and everything that it imports`, async () => {
        const answer = await askReflection(server, question);
        if (answer.$case !== 'fileDescriptorResponse') throw new Error(JSON.stringify(answer));
        const files = answer.value.fileDescriptorProto.map((bytes) =>
          fromBinary(FileDescriptorProtoSchema, bytes),
        );
        expect(files[0]?.name).to.match(new RegExp(`/${file}$`));
        const names = files.map(({ name }) => name);
        expect(names).to.include.members(files.flatMap(({ dependency }) => dependency));
      });
    }

    const missing: [what: string, question: Question][] = [
      ['a file', { $case: 'fileByFilename', value: 'no/such.proto' }],
      ['a symbol', { $case: 'fileContainingSymbol', value: 'no.such.Message' }],
      ['a method', { $case: 'fileContainingSymbol', value: `${SERVICE}.Nothing` }],
      [
        'an extension',
        { $case: 'fileContainingExtension', value: { containingType: SERVICE, extensionNumber: 1 } },
      ],
      ['the extensions of a type', { $case: 'allExtensionNumbersOfType', value: 'no.such.Message' }],
    ];
    for (const [what, question] of missing) {
      it(`${what} that does not exist with NOT_FOUND`, async () => {
        const answer = await askReflection(server, question);
        expect(answer).to.deep.include({ $case: 'errorResponse' });
        expect(answer.value).to.include({ errorCode: status.NOT_FOUND });
      });
    }

    it('that a type has no extensions', async () => {
      const type = 'quantumtrader.policy.v1.GlobalPolicy';
      const answer = await askReflection(server, { $case: 'allExtensionNumbersOfType', value: type });
      expect(answer.value).to.deep.equal({ baseTypeName: type, extensionNumber: [] });
    });
  });
});

function askReflection({ client }: TestServer, messageRequest: Question): Promise<Answer> {
  const { path, requestSerialize, responseDeserialize } = ServerReflectionService.serverReflectionInfo;
  const stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
  return new Promise((resolve, reject) => {
    stream.on('error', reject);
    stream.on('data', ({ messageResponse }: ServerReflectionResponse) => {
      stream.end();
      if (messageResponse === undefined) reject(new Error('an empty answer'));
      else resolve(messageResponse);
    });
    stream.write({ host: '', messageRequest });
  });
}
