// The reference over HTTP: hono and its Node server with the server's own options, and nothing behind it. GET answers a
// constant text; PATCH writes a constant event to every open stream and then answers the text.
// Arguments: a file with the text, the event and the headers, as JSON.
import { readFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

import { getRequestListener, type HttpBindings } from '@hono/node-server';
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response';
import { Hono } from 'hono';

import { SERVER_OPTIONS } from '../../../server/src/http/http-server.js';
import type { SameBytes } from './bare-http.js';

const { policy, event, headers, eventHeaders } = JSON.parse(
  readFileSync(process.argv[2] ?? '', 'utf8'),
) as SameBytes;
const bytes = Buffer.from(event);
const streams = new Set<ServerResponse>();

const app = new Hono<{ Bindings: HttpBindings }>();
app.get('/api/policy', () => new Response(policy, { headers }));
app.get('/api/policy/watch', ({ env: { outgoing } }) => {
  streams.add(outgoing);
  outgoing.on('close', () => streams.delete(outgoing));
  outgoing.writeHead(200, eventHeaders);
  outgoing.write(bytes);
  return RESPONSE_ALREADY_SENT;
});
app.patch('/api/policy', async ({ req }) => {
  JSON.parse(await req.text());
  for (const stream of streams) stream.write(bytes);
  return new Response(policy, { headers });
});

const listener = getRequestListener(app.fetch);
const server = createServer(SERVER_OPTIONS, (incoming, outgoing) => {
  void listener(incoming, outgoing);
});
server.listen(0, '127.0.0.1', () => {
  console.log(`listening on ${String((server.address() as AddressInfo).port)}`);
});
