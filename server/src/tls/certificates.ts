import type { X509Certificate } from 'node:crypto';
import { createSecureContext } from 'node:tls';

import { watchFile, type WatchedFile } from '../watched-file.js';
import { parseAuthorities, parseCertificates, parseKey } from './pem.js';

/** A certificate and its key are two files, and for a moment the one is newer: only what stays so is told. */
const SETTLE_MS = 2000;

export interface CertificatePaths {
  /** The certificate, and those that its issuer was certified by. */
  readonly cert: string;
  readonly key: string;
  /** Those who issue certificates to clients. Undefined: clients are asked for none. */
  readonly clientCa: string | undefined;
}

/** What a server needs to speak TLS, all of it sound and fitting together. */
export interface Material {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly clientCa: Buffer | undefined;
  /** The server's own. */
  readonly leaf: X509Certificate;
  /** Those of `clientCa`. */
  readonly authorities: readonly X509Certificate[];
}

/** The material of all listeners, as its files are now. */
export interface Certificates {
  /** The last that could be used. */
  readonly current: Material;
  /** Calls `listener` with what is `current` from then on. The result stops that. */
  onChange(listener: (material: Material) => void): () => void;
  close(): void;
}

export interface CertificateNews {
  loaded(material: Material): void;
  /** What cannot be used: the last good material stays in force. */
  refused(error: Error): void;
}

/**
 * Reads the files, and reads them again when they change.
 * @throws Error that names the file and says how to mend it.
 */
export function openCertificates(paths: CertificatePaths, told: CertificateNews): Certificates {
  const listeners = new Set<(material: Material) => void>();
  const files: WatchedFile<Buffer>[] = [];
  let unsettled: NodeJS.Timeout | undefined;

  const open = (path: string, check: (pem: Buffer, path: string) => unknown): WatchedFile<Buffer> => {
    const parse = (pem: Buffer): Buffer => {
      check(pem, path);
      return pem;
    };
    const file = watchFile(path, parse, {
      loaded: update,
      refused: (error) => {
        told.refused(error);
      },
    });
    files.push(file);
    return file;
  };
  const close = (): void => {
    clearTimeout(unsettled);
    for (const file of files) file.close();
  };

  function update(): void {
    clearTimeout(unsettled);
    try {
      current = combine();
    } catch (error) {
      unsettled = setTimeout(() => {
        told.refused(error as Error);
      }, SETTLE_MS).unref();
      return;
    }
    told.loaded(current);
    for (const listener of [...listeners]) listener(current);
  }

  let combine: () => Material;
  let current: Material;
  try {
    const cert = open(paths.cert, parseCertificates);
    const key = open(paths.key, parseKey);
    const clientCa = paths.clientCa === undefined ? undefined : open(paths.clientCa, parseAuthorities);
    combine = () => combined(paths, { cert: cert.current, key: key.current, clientCa: clientCa?.current });
    current = combine();
  } catch (error) {
    close();
    throw error;
  }
  return {
    get current() {
      return current;
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    close,
  };
}

function combined(paths: CertificatePaths, pem: Pick<Material, 'cert' | 'key' | 'clientCa'>): Material {
  const [leaf] = parseCertificates(pem.cert, paths.cert);
  if (!leaf?.checkPrivateKey(parseKey(pem.key, paths.key))) {
    throw new Error(`${paths.key} is not the key of the first certificate in ${paths.cert}`);
  }
  const { clientCa } = pem;
  try {
    createSecureContext({ cert: pem.cert, key: pem.key, ca: clientCa });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`${paths.cert} with ${paths.key} cannot be used for TLS: ${why}`, { cause });
  }
  const authorities =
    clientCa === undefined ? [] : parseAuthorities(clientCa, paths.clientCa ?? 'the client authorities');
  return { ...pem, leaf, authorities };
}
