import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { BinaryWriter } from '@bufbuild/protobuf/wire';

import { freePort, startProcess } from '../../support/process.js';
import type { Call } from '../load/messages.js';
import type { ServerProcess } from './server-process.js';

/** @throws Error when it does not start, also when it is not installed. */
export async function startEtcd(): Promise<ServerProcess> {
  const dir = await mkdtemp(join(tmpdir(), 'policystore-bench-etcd-'));
  const [port, peerPort] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  try {
    const etcd = await startProcess({
      command: 'etcd',
      args: [
        ...['--data-dir', dir, '--listen-client-urls', url, '--advertise-client-urls', url],
        ...['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl],
        ...['--initial-cluster', `default=${peerUrl}`, '--log-level', 'error'],
        // The default of 2 GiB is less than what many runs of Put write before a compaction.
        ...['--quota-backend-bytes', String(8 * 1024 ** 3)],
      ],
      answers: async () =>
        ((await (await fetch(`${url}/health`)).json()) as { health: string }).health === 'true',
    });
    return {
      pid: etcd.pid,
      port,
      async close() {
        await etcd.kill();
        await rm(dir, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(dir, { recursive: true, force: true });
    throw error;
  }
}

// Requests of etcd's v3 API, by the field numbers of its rpc.proto.

/** Serializable: from this member's memory, as Get answers by default. */
export function etcdRange(key: string): Call {
  const message = new BinaryWriter().uint32(10).string(key).uint32(56).bool(true).finish();
  return { path: '/etcdserverpb.KV/Range', message };
}

export function etcdPut(key: string, value: Uint8Array): Call {
  const message = new BinaryWriter().uint32(10).string(key).uint32(18).bytes(value);
  return { path: '/etcdserverpb.KV/Put', message: message.finish() };
}

export function etcdWatch(key: string): Call {
  const create = new BinaryWriter().uint32(10).string(key).finish();
  return { path: '/etcdserverpb.Watch/Watch', message: new BinaryWriter().uint32(10).bytes(create).finish() };
}
