import { COMMIT } from '../../server/src/store/redis/scripts.js';

/** Whether what a server sends to Redis is a commit. The first one that a Redis gets does not show it. */
export function isCommit(request: Buffer): boolean {
  return request.includes(COMMIT.sha);
}
