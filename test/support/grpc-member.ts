import { type Client, Metadata } from '@grpc/grpc-js';
import {
  AcknowledgeRequest,
  type AcknowledgeResponse,
  Delivery,
  FleetServiceService,
  ListWatchersRequest,
  type ListWatchersResponse,
  type Member,
  Selector,
  type Version,
  WaitAppliedRequest,
  type WaitAppliedResponse,
} from '@policystore/client/proto';

import { until } from './process.js';
import { ask, connect, type TestWatch, watch } from './server.js';

/** A program that watches over gRPC and acknowledges what it is sent. */
export interface GrpcMember {
  readonly id: string;
  /** What it was sent last. */
  readonly version: Version;
  /** False: it goes on reading, and acknowledges nothing. */
  answers: boolean;
  /** By hand: as applied, unless it says otherwise. */
  acknowledge(parts?: Partial<AcknowledgeRequest>): Promise<AcknowledgeResponse>;
  /** Vanishes. */
  leave(): void;
}

export async function joinFleet(
  address: string,
  instance: string,
  { component = 'executor', answers = true }: { component?: string; answers?: boolean } = {},
): Promise<GrpcMember> {
  const client = connect(address);
  const stream: TestWatch = watch(client, {
    delivery: Delivery.PATCHES,
    watcher: { component, instance, acknowledges: true },
  });
  const first = await stream.next();
  let version = first.version!;
  let pendingSequence = first.pendingSequence;
  const member: GrpcMember = {
    id: first.watcherId,
    get version() {
      return version;
    },
    answers,
    acknowledge: (parts) =>
      ask(client, FleetServiceService.acknowledge, {
        ...AcknowledgeRequest.create(),
        watcherId: member.id,
        version,
        pendingSequence,
        ...parts,
      }),
    leave() {
      stream.cancel();
      client.close();
    },
  };
  const follow = async (): Promise<void> => {
    for (;;) {
      if (member.answers) await member.acknowledge();
      const message = await stream.next();
      version = message.version!;
      pendingSequence = message.pendingSequence || pendingSequence;
    }
  };
  follow().catch(() => undefined);
  return member;
}

export function listWatchers(client: Client, selector?: Partial<Selector>): Promise<ListWatchersResponse> {
  const whole = selector && { ...Selector.create(), ...selector };
  return ask(client, FleetServiceService.listWatchers, { ...ListWatchersRequest.create(), selector: whole });
}

export function waitAppliedOver(
  client: Client,
  version: Version | undefined,
  parts: Partial<WaitAppliedRequest> = {},
): Promise<WaitAppliedResponse> {
  return ask(client, FleetServiceService.waitApplied, { ...WaitAppliedRequest.create(), version, ...parts });
}

/** Resolves with the members once they are as wanted. */
export async function membersOnce(
  client: Client,
  isWanted: (members: Member[]) => boolean,
): Promise<Member[]> {
  let members: Member[] = [];
  await until(async () => {
    ({ members } = await listWatchers(client));
    return isWanted(members);
  });
  return members;
}

/** A WaitApplied that its caller can leave. */
export function startWaiting(
  client: Client,
  version: Version,
  seconds: number,
): { cancel(): void; ended: Promise<void> } {
  const { path, requestSerialize, responseDeserialize } = FleetServiceService.waitApplied;
  const request = { ...WaitAppliedRequest.create(), version, timeout: { seconds, nanos: 0 } };
  let end!: () => void;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const call = client.makeUnaryRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    new Metadata(),
    () => {
      end();
    },
  );
  return { cancel: () => call.cancel(), ended };
}
