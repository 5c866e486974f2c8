// The worker's entry where the server runs from its TypeScript sources: a thread does not inherit the loader of the
// main thread. Not part of a build.
import { tsImport } from 'tsx/esm/api';

await tsImport('./worker.ts', import.meta.url);
