import type { IncomingHttpHeaders } from 'node:http';

import { http, openEvents } from '../../support/http.js';
import type { Bench, Part } from '../bench.js';
import { type HttpLoad, startHttpLoad } from '../load/http-load.js';
import { interleave, type Side } from '../measure/interleave.js';
import { sample } from '../measure/sample.js';
import { type SameBytes, startBareHttp } from '../peers/bare-http.js';
import { startRestServer } from '../peers/rest-server.js';
import type { ServerProcess } from '../peers/server-process.js';
import { BUSY, CPU, GENERATOR, P50, P99, type Row, row, THROUGHPUT } from '../report/row.js';
import { Stage } from '../stage.js';
import { policyWith } from '../workload.js';

const WATCHERS = 1000;
const reference = 'bare hono';
const get = request('GET', '/api/policy');
/** Silence is broken by a heartbeat: the longest interval, so that none falls into a measurement. */
const watch = request('GET', '/api/policy/watch?delivery=patches&heartbeat_ms=60000');
/** Changes of one ranking to and fro, so that every one is a change. */
const changes = [0.25, 0.75].map((score) =>
  request('PATCH', '/api/policy', { opp_rankings: { SYM1: score } }),
);

/** REST against bare handlers of the same library that send the same bytes. */
export const measureRest: Part = async (bench) => {
  const load = startHttpLoad();
  try {
    return await Stage.set(bench, async (stage) => {
      const server = await stage.start(startRestServer(policyJson()));
      const bare = await stage.start(startBareHttp(await sameBytes(server)));
      const rows = await measureGet(bench, load, [server, bare]);
      return [...rows, ...(await measureEvents(bench, load, [server, bare]))];
    });
  } finally {
    await load.close();
  }
};

type Both = readonly [server: ServerProcess, bare: ServerProcess];

async function measureGet(bench: Bench, load: HttpLoad, both: Both): Promise<Row[]> {
  const rows: Row[] = [];
  const side = async (server: ServerProcess, connections: number): Promise<Side> => {
    const name = `get ${String(server.port)} ${String(connections)}`;
    await load.tell({ kind: 'connect', load: name, port: server.port, connections, requests: [get] });
    if (bench.extent.warmUpMs > 0) await load.measure({ kind: 'run', load: name, ms: bench.extent.warmUpMs });
    return () =>
      sample(server.pid, () => load.measure({ kind: 'run', load: name, ms: bench.extent.windowMs }));
  };
  for (const connections of [64, 1]) {
    bench.progress(`GET /api/policy against a bare handler, ${String(connections)} in flight`);
    const sides = [await side(both[0], connections), await side(both[1], connections)];
    const [ours = [], samples = []] = await interleave(bench.extent.rounds, sides);
    const [id, title] = [`rest.get.${String(connections)}`, `REST GET, ${String(connections)} in flight`];
    const against = { reference, samples };
    if (connections === 1) rows.push(row(id, title, P50, ours, against), row(id, title, P99, ours, against));
    else {
      const goal = { ratio: 'at least', limit: 0.8 } as const;
      rows.push(row(id, title, THROUGHPUT, ours, { ...against, goal }));
      for (const metric of [CPU, BUSY, GENERATOR]) rows.push(row(id, title, metric, ours, against));
    }
  }
  return rows;
}

async function measureEvents(bench: Bench, load: HttpLoad, both: Both): Promise<Row[]> {
  const { fewRounds, warmUpMs, windowMs } = bench.extent;
  bench.progress(`from a PATCH to the last of ${String(WATCHERS)} streams of server-sent events`);
  const side = async ({ pid, port }: ServerProcess): Promise<Side> => {
    const name = `events ${String(port)}`;
    await load.tell({ kind: 'watch', load: name, port, streams: WATCHERS, request: watch });
    await load.tell({ kind: 'connect', load: name, port, connections: 1, requests: changes });
    if (warmUpMs > 0) await load.measure({ kind: 'fan-out', load: name, ms: warmUpMs });
    return () => sample(pid, () => load.measure({ kind: 'fan-out', load: name, ms: windowMs }));
  };
  const [ours = [], samples = []] = await interleave(fewRounds, [await side(both[0]), await side(both[1])]);
  const [id, title] = [
    `rest.events.${String(WATCHERS)}`,
    `PATCH to the last of ${String(WATCHERS)} event streams`,
  ];
  const against = { reference, samples };
  return [
    row(id, title, P50, ours, { ...against, goal: { ratio: 'at most', limit: 1.2 } }),
    row(id, title, CPU, ours, against),
  ];
}

/** One GET, and the event of one change. */
async function sameBytes({ port }: ServerProcess): Promise<SameBytes> {
  const target = { httpAddress: `127.0.0.1:${String(port)}` };
  const events = await openEvents(target, '/api/policy/watch?delivery=patches&heartbeat_ms=60000');
  try {
    await events.next();
    await http(target, 'PATCH', '/api/policy', { body: { opp_rankings: { SYM1: 0.6 } } });
    const { id = '', event = '', data = {} } = (await events.next()) ?? {};
    const { text, headers } = await http(target, 'GET', '/api/policy');
    return {
      policy: text,
      event: `id: ${id}\nevent: ${event}\ndata: ${JSON.stringify(data)}\n\n`,
      headers: own(headers),
      eventHeaders: own(events.headers),
    };
  } finally {
    events.close();
  }
}

/** The headers that a handler sets, and not the library. */
function own(headers: IncomingHttpHeaders): Record<string, string> {
  const library = new Set(['connection', 'content-length', 'date', 'keep-alive', 'transfer-encoding']);
  const set = Object.entries(headers).filter(([name]) => !library.has(name));
  return Object.fromEntries(set.map(([name, value]) => [name, String(value)]));
}

function policyJson(): object {
  const policy = policyWith(20);
  return {
    max_risk_per_trade: policy.maxRiskPerTrade,
    max_positions: policy.maxPositions,
    allowed_strategies: policy.allowedStrategies,
    allowed_symbols: policy.allowedSymbols,
    opp_rankings: policy.oppRankings,
    model_versions: policy.modelVersions,
    system_health: policy.systemHealth,
    custom_params: policy.customParams,
  };
}

function request(method: string, path: string, body?: object): string {
  const text = body === undefined ? '' : JSON.stringify(body);
  const entity =
    body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${String(text.length)}\r\n`;
  return `${method} ${path} HTTP/1.1\r\nHost: localhost\r\n${entity}\r\n${text}`;
}
