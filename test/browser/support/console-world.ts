import { type LivePolicy, PolicyClient } from '@policystore/client';

import { plainRedis, startRedis, type TestRedis } from '../../support/redis.js';
import { startServer, type TestServer } from '../../support/server.js';
import { until } from '../../support/process.js';

export interface WorldSettings {
  /** How many executors run beside. Default: none. */
  readonly executors?: number;
  /** More flags of both replicas. */
  readonly flags?: readonly string[];
  /** Default: one that no other test has. With a name, on a Redis of its own. */
  readonly namespace?: string;
}

let worlds = 0;

/** Two replicas on one Redis, with executors that acknowledge, in a namespace of its own. */
export class ConsoleWorld {
  readonly namespace: string;
  readonly redis: TestRedis;
  readonly replicas: readonly [TestServer, TestServer];
  readonly executors: LivePolicy[] = [];
  readonly #clients: PolicyClient[] = [];

  private constructor(namespace: string, redis: TestRedis, replicas: readonly [TestServer, TestServer]) {
    this.namespace = namespace;
    this.redis = redis;
    this.replicas = replicas;
  }

  static async start({
    executors = 0,
    flags = [],
    namespace: name,
  }: WorldSettings = {}): Promise<ConsoleWorld> {
    const redis = name === undefined ? await plainRedis() : await startRedis();
    const namespace = name ?? `console-${process.pid}-${++worlds}`;
    const settings = {
      store: redis.url,
      flags: ['--namespaces', `${namespace},${namespace}-paper`, ...flags],
    };
    const replicas = [await startServer(settings), await startServer(settings)] as const;
    const world = new ConsoleWorld(namespace, redis, replicas);
    for (let i = 0; i < executors; i += 1) await world.addExecutor(`exec-${i + 1}`);
    return world;
  }

  /** The console on the first replica. */
  url(view = 'overview', replica: 0 | 1 = 0): string {
    return `http://${this.replicas[replica].httpAddress}/#/${view}`;
  }

  async addExecutor(instance: string, component = 'executor'): Promise<LivePolicy> {
    const replica = this.replicas[this.executors.length % 2 === 0 ? 0 : 1];
    const client = new PolicyClient({
      addresses: replica.address,
      namespace: this.namespace,
      name: component,
    });
    this.#clients.push(client);
    const live = client.live({ instance });
    await live.ready();
    this.executors.push(live);
    return live;
  }

  /**
   * A request as another program makes it: a write to the second replica, which has to reach the first; a question to the
   * first, which has what was done at its console.
   */
  async request(
    method: string,
    path: string,
    body?: unknown,
    headers: Record<string, string> = {},
  ): Promise<unknown> {
    const [first, second] = this.replicas;
    const { httpAddress } = method === 'GET' ? first : second;
    const separator = path.includes('?') ? '&' : '?';
    const url = `http://${httpAddress}/api/policy${path}${separator}namespace=${this.namespace}`;
    const response = await fetch(url, {
      method,
      headers: { 'Content-Type': 'application/json', 'X-Policy-Client': 'controller', ...headers },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const answer: unknown = await response.json();
    if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${JSON.stringify(answer)}`);
    return answer;
  }

  patch(body: unknown, reason = ''): Promise<unknown> {
    return this.request('PATCH', '', body, reason === '' ? {} : { 'X-Policy-Reason': reason });
  }

  async policy(view: 'base' | 'effective' = 'base'): Promise<Record<string, unknown>> {
    const { policy } = (await this.request('GET', `?view=${view}`)) as { policy: Record<string, unknown> };
    return policy;
  }

  async untilPolicy(matches: (policy: Record<string, unknown>) => boolean): Promise<void> {
    await until(async () => matches(await this.policy()));
  }

  async close(): Promise<void> {
    await Promise.all(this.executors.map((live) => live.close()));
    for (const client of this.#clients) client.close();
    await Promise.all(this.replicas.map((replica) => replica.close()));
    await this.redis.close();
  }
}
