import { Delivery, type Version, WatchRequest } from '@policystore/client/proto';

import { checkWatch } from '../../requests/request-checks.js';
import { askNames, askNumber, type HttpCall } from '../http-call.js';
import { misplaced } from '../http-error.js';
import { versionFromText } from '../json/versions.js';
import { header } from '../request-headers.js';
import type { WatchOptions } from '../../engine/types.js';

const DELIVERIES = { snapshots: Delivery.SNAPSHOTS, patches: Delivery.PATCHES } as const;

/** What a watch asks for. @throws PolicyError VALIDATION_FAILED */
export function readWatch(call: HttpCall): WatchOptions {
  const { identity } = call;
  const heartbeatMs = askNumber(call, 'heartbeat_ms');
  const request: WatchRequest = {
    ...WatchRequest.create(),
    after: readAfter(call),
    delivery: readDelivery(call),
    fields: askNames(call, 'fields'),
    heartbeatInterval: heartbeatMs === undefined ? undefined : { seconds: 0, nanos: heartbeatMs * 1_000_000 },
    watcher: {
      component: call.ask('component') ?? '',
      instance: call.ask('instance') ?? '',
      acknowledges: false,
    },
  };
  const { remoteAddress = '', remotePort = 0 } = call.incoming.socket;
  const { watcher, ...options } = checkWatch(request, `${remoteAddress}:${String(remotePort)}`);
  return { ...options, identity, ...(watcher && { watcher: { ...watcher, identity } }) };
}

function readDelivery(call: HttpCall): Delivery {
  const text = call.ask('delivery') ?? 'snapshots';
  if (text === 'snapshots' || text === 'patches') return DELIVERIES[text];
  throw misplaced(['query', 'delivery'], 'must be snapshots or patches');
}

/** The header is what browsers send by themselves when they connect again. */
function readAfter(call: HttpCall): Version | undefined {
  const sent = header(call.incoming, 'last-event-id');
  const text = sent === '' ? (call.ask('last_event_id') ?? '') : sent;
  if (text === '') return undefined;
  const version = versionFromText(text);
  if (version !== undefined) return version;
  const place = sent === '' ? ['query', 'last_event_id'] : ['header', 'Last-Event-ID'];
  throw misplaced(place, 'must be the id of an event, as epoch:revision; leave it out to begin anew');
}
