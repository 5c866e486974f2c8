/** How far somebody has come. */
export class Progress {
  #revision = 0;
  #waiting: { readonly revision: number; readonly resolve: () => void }[] = [];

  at(revision: number): void {
    this.#revision = Math.max(this.#revision, revision);
    const arrived = this.#waiting.filter((waiter) => waiter.revision <= this.#revision);
    this.#waiting = this.#waiting.filter((waiter) => waiter.revision > this.#revision);
    for (const { resolve } of arrived) resolve();
  }

  async reach(revision: number): Promise<void> {
    if (this.#revision >= revision) return;
    await new Promise<void>((resolve) => this.#waiting.push({ revision, resolve }));
  }
}
