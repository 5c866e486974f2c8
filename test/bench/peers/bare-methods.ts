/** The paths that the bare server serves. */
export const BARE = {
  get: '/bench.Bare/Get',
  patch: '/bench.Bare/Patch',
  watch: '/bench.Bare/Watch',
} as const;
