import {
  type Current,
  type GetOptions,
  type LivePolicy,
  NO_POLICY,
  type NotModified,
  PolicyClient,
  type PolicyView,
  viewOf,
} from '@policystore/client';

/** What an executor decided on last. */
export interface Basis {
  readonly view: PolicyView;
  /** When the policy was asked for; of one that is held, when it was looked at. */
  readonly asOf: number;
}

/** A live policy that remembers how it was when an executor looked at it. */
export class WatchedPolicy implements Pick<LivePolicy, 'current'> {
  readonly #live: LivePolicy;
  #basis: Basis = { view: NO_POLICY, asOf: 0 };

  constructor(live: LivePolicy) {
    this.#live = live;
  }

  get current(): PolicyView {
    this.#basis = { view: this.#live.current, asOf: performance.now() };
    return this.#basis.view;
  }

  get basis(): Basis {
    return this.#basis;
  }
}

/** A client that remembers what it was answered, and how long that took. */
export class WatchedClient extends PolicyClient {
  readonly readsMs: number[] = [];
  #last: Current | undefined;

  get basis(): Basis {
    return this.#last ? { view: viewOf(this.#last), asOf: this.#last.sentAt } : { view: NO_POLICY, asOf: 0 };
  }

  override get(options?: GetOptions & { readonly ifVersionNot?: undefined }): Promise<Current>;
  override get(options: GetOptions): Promise<Current | NotModified>;
  override async get(options: GetOptions = {}): Promise<Current | NotModified> {
    const answer = await super.get(options);
    this.readsMs.push(performance.now() - answer.sentAt);
    const { sentAt, validForMs } = answer;
    if (!answer.notModified) this.#last = answer;
    else if (this.#last) this.#last = { ...this.#last, sentAt, validForMs };
    return answer;
  }
}
