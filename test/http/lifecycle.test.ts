import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { connect } from 'node:net';

import { expect } from 'chai';

import { BadSettings } from '../../server/src/config/config.js';
import { ListenError } from '../../server/src/listen-error.js';
import { closeAfterEach } from '../support/closing.js';
import { http, openEvents } from '../support/http.js';
import { rejection } from '../support/rejection.js';
import { spawnServer, startServer } from '../support/server.js';

describe('the HTTP port', () => {
  const keep = closeAfterEach();

  it('is not opened where it is off', async () => {
    const server = keep(await startServer({ flags: ['--http-addr', 'off'] }), (it) => it.close());
    expect(server.httpAddress).to.equal('');
  });

  it('that is taken ends the start, naming the setting', async () => {
    const first = keep(await startServer(), (it) => it.close());
    const second = startServer({ flags: ['--http-addr', first.httpAddress] });
    const error = await rejection(second, ListenError);
    expect(error.message).to.include(first.httpAddress).and.to.include('POLICY_HTTP_ADDR');
  });

  it('is told in the log and where a person reads', async () => {
    const server = await spawnServer({ POLICY_LOG_FORMAT: 'pretty' });
    await server.stop();
    expect(server.output).to.match(/HTTP listens on 127\.0\.0\.1:\d+/);
    expect(server.output).to.include(`Console and REST: http://${server.httpAddress}/`);
  });

  it('refuses an address that others reach without encryption and identities', async () => {
    const error = await rejection(startServer({ flags: ['--http-addr', '0.0.0.0:0'] }), BadSettings);
    expect(error.message).to.include('POLICY_HTTP_ADDR (--http-addr)').and.to.include('--insecure');
  });

  it('is ready when the store was reached, and healthy before', async () => {
    const server = keep(await startServer({ store: 'redis://127.0.0.1:1', ready: false }), (it) =>
      it.close(),
    );
    expect((await http(server, 'GET', '/healthz')).status).to.equal(200);
    expect((await http(server, 'GET', '/readyz')).status).to.equal(503);
    const { status, headers } = await http(server, 'GET', '/api/policy');
    expect([status, headers['retry-after'], headers['x-policy-error']]).to.deep.equal([
      503,
      '1',
      'STORE_UNAVAILABLE',
    ]);
  });

  it('closes with idle, stuck and streaming connections open', async () => {
    const server = await startServer();
    const [host = '', port = ''] = server.httpAddress.split(':');
    const events = await openEvents(server, '/api/policy/watch');
    await events.next();
    const agent = new Agent({ keepAlive: true });
    const sent = request({ host, port, path: '/healthz', agent }).end();
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    response.resume();
    const silent = connect({ host, port: Number(port) });
    silent.on('error', () => undefined);
    await once(silent, 'connect');
    silent.write(
      'PATCH /api/policy HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{',
    );
    await server.close();
    agent.destroy();
    silent.destroy();
    expect((await events.next())?.event).to.equal('error');
  });

  it('cuts a connection off on which what is no request follows a stream, and writes nothing into the stream', async () => {
    const server = keep(await startServer(), (it) => it.close());
    const [host = '', port = ''] = server.httpAddress.split(':');
    const socket = connect({ host, port: Number(port) });
    socket.setEncoding('utf8').on('error', () => undefined);
    let text = '';
    socket.on('data', (chunk: string) => {
      text += chunk;
      if (text.includes('event: policy')) socket.write('no request\r\n\r\n');
    });
    socket.write('GET /api/policy/watch HTTP/1.1\r\nHost: localhost\r\n\r\n');
    await once(socket, 'close');
    expect(text)
      .to.match(/^HTTP\/1\.1 200 /)
      .and.to.not.include('HTTP/1.1 400');
  });

  it('notes in the log what failed, by method and path, with its caller and the id of the request', async () => {
    const server = keep(await startServer(), (it) => it.close());
    const headers = { 'x-policy-client': 'desk', 'x-request-id': 'r-1' };
    await http(server, 'POST', '/api/policy/rollback/77', { headers });
    const record = server.log.find(({ msg }) =>
      msg.startsWith('POST /api/policy/rollback/{revision} failed'),
    );
    expect(record).to.include({ actor: 'desk', requestId: 'r-1', reason: 'REVISION_UNKNOWN' });
    const before = server.log.length;
    await http(server, 'GET', '/nothing');
    await http(server, 'GET', '/api/policy');
    expect(server.log).to.have.length(before);
  });
});
