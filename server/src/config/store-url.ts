import { nearest } from '../domain/nearest.js';
import { BadValue } from './values.js';

const FORMS = {
  memory: 'memory:',
  sqlite: 'sqlite:PATH',
  redis: 'redis://HOST:PORT',
  rediss: 'rediss://HOST:PORT',
  'redis+sentinel': 'redis+sentinel://HOST:PORT,HOST:PORT/MASTER',
  'redis+cluster': 'redis+cluster://HOST:PORT,HOST:PORT',
  postgres: 'postgres://USER@HOST:PORT/DATABASE',
  postgresql: 'postgresql://USER@HOST:PORT/DATABASE',
};

/** Where the log is kept. What follows the scheme is the store's own to judge. */
export interface StoreUrl {
  readonly scheme: keyof typeof FORMS;
  readonly text: string;
}

export function parseStoreUrl(text: string): StoreUrl {
  const written = /^([a-z0-9+]+):/.exec(text)?.[1] ?? '';
  if (!isScheme(written)) {
    const guess = nearest(written === '' ? text : written, Object.keys(FORMS));
    const hint = guess === undefined ? '' : `; did you mean ${guess}:?`;
    throw new BadValue(`is no store that is known${hint}; the forms are ${Object.values(FORMS).join(', ')}`);
  }
  if (written === 'memory' && text !== 'memory:') {
    throw new BadValue('has something after its colon; write memory: alone');
  }
  return { scheme: written, text };
}

function isScheme(scheme: string): scheme is keyof typeof FORMS {
  return Object.hasOwn(FORMS, scheme);
}
