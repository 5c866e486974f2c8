import type { PolicyServiceClient, Version, WatchRequest } from '@policystore/client/proto';

import { type Failure, readFailure, type TestWatch, watch } from './server.js';

/** A watch that has begun, and was sent its first message. */
export async function begin(
  client: PolicyServiceClient,
  headers: Readonly<Record<string, string>>,
  request: Partial<WatchRequest> = {},
): Promise<TestWatch> {
  const stream = watch(client, request, headers);
  await stream.next();
  return stream;
}

/** What a stream still brings, by revision, and how it ends. */
export async function ending(stream: TestWatch): Promise<Failure & { readonly brought: number[] }> {
  const brought: number[] = [];
  try {
    for (;;) brought.push((await stream.next()).version?.revision ?? 0);
  } catch (error) {
    return { ...readFailure(error as Parameters<typeof readFailure>[0]), brought };
  }
}

/** Resolves when each of them was sent this version; rejects where one has ended. */
export async function reached(streams: readonly TestWatch[], version: Version | undefined): Promise<void> {
  await Promise.all(
    streams.map(async (stream) => {
      for (;;) {
        const message = await stream.next();
        if (message.version?.revision === version?.revision) return;
      }
    }),
  );
}
