import { createMemoryStore } from '../../server/src/store/memory/memory-store.js';
import { describeStore } from './suite.js';

describeStore('memory', {
  async open(bounds) {
    const store = createMemoryStore(bounds);
    await store.connect();
    return store;
  },
});
