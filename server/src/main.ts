#!/usr/bin/env node
import { readFileSync } from 'node:fs';

import { CommanderError } from 'commander';
import type { Logger } from 'pino';

import { type App, createApp } from './app.js';
import { BadSettings, type Config, readConfig } from './config/config.js';
import { warnOfUnknownSettings } from './config/unknown-settings.js';
import { routeTransportLog } from './grpc/transport-log.js';
import { ListenError } from './listen-error.js';
import { createLog } from './log.js';
import { StoreUnusable } from './store/store.js';
import { runTokenCommand } from './token-command.js';
import { callingOf, welcome } from './welcome.js';

const FAILED = 1;
const BAD_SETTINGS = 2;
/** The longest that a shutdown may take, in milliseconds; what is not done by then is cut off. */
const SHUTDOWN_MS = 4500;
/** Signals this close together, in milliseconds, are one. */
const SAME_SIGNAL_MS = 500;

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

function readSettings(): Config {
  try {
    return readConfig(process.argv.slice(2), version, process.stdout.isTTY);
  } catch (error) {
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : BAD_SETTINGS);
    if (!(error instanceof BadSettings)) throw error;
    process.stderr.write(`policy-server cannot start with these settings:\n${error.message}\n`);
    process.exit(BAD_SETTINGS);
  }
}

async function run(config: Config, log: Logger): Promise<void> {
  log.info({ version, node: process.version, ...config.effective }, 'settings');
  for (const warning of warnOfUnknownSettings(process.env)) log.warn(warning);
  warnOfExposure(config, config.grpcAddress, config.exposedWithout, log);
  if (config.http) warnOfExposure(config, config.http.address, config.http.exposedWithout, log);
  const app = await createApp(config, log);
  const { grpcAddress: address, httpAddress } = app;
  if (httpAddress !== undefined) log.info({ httpAddress }, `HTTP listens on ${httpAddress}`);
  log.info({ address }, `listening on ${address}`);
  const stopping = closeOnSignal(app, log);
  await app.ready;
  if (stopping.aborted) return;
  log.info('ready');
  if (config.log.format === 'pretty')
    process.stdout.write(welcome(callingOf(config, app.grpcAddress), config.namespaces, app.httpAddress));
}

/** @param lacks What others can reach the address without. Undefined: they cannot, or it lacks nothing. */
function warnOfExposure(
  { authenticates }: Config,
  address: string,
  lacks: string | undefined,
  log: Logger,
): void {
  if (lacks === undefined) return;
  const risk = authenticates
    ? 'whoever is on the way there can read tokens and use them'
    : 'whoever reaches it can change the policy';
  log.warn(
    `${address} can be reached by others and is without ${lacks}: ${risk}. ` +
      'Keep it inside a network that you trust.',
  );
}

/** The result aborts when a signal has come. */
function closeOnSignal(app: App, log: Logger): AbortSignal {
  const stopping = new AbortController();
  let stoppedAt = 0;
  const stop = (signal: NodeJS.Signals): void => {
    if (stopping.signal.aborted) {
      // A signal to the whole process group comes twice under make, which passes it on.
      if (performance.now() - stoppedAt < SAME_SIGNAL_MS) return;
      log.warn(`${signal} again: exiting at once`);
      cutOff();
    }
    stoppedAt = performance.now();
    stopping.abort();
    log.info(`${signal}: shutting down`);
    setTimeout(() => {
      log.error('the shutdown took too long: cutting off what is left');
      cutOff();
    }, SHUTDOWN_MS).unref();
    app.close().then(
      () => {
        log.info('stopped');
        process.exit(0);
      },
      (error: unknown) => {
        die(log, error);
      },
    );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', stop);
  return stopping.signal;
}

/** process.exit would wait for a thread that hangs in a system call, such as a sync to a dead disk. */
function cutOff(): never {
  process.kill(process.pid, 'SIGKILL');
  process.exit(FAILED);
}

function die(log: Logger, error: unknown): never {
  if (error instanceof ListenError || error instanceof StoreUnusable || error instanceof BadSettings) {
    log.fatal(`cannot start: ${error.message}`);
  } else {
    log.fatal({ err: error }, 'unexpected error: exiting');
  }
  process.exit(error instanceof BadSettings ? BAD_SETTINGS : FAILED);
}

function serve(): void {
  const config = readSettings();
  const log = createLog(config.log);
  routeTransportLog(log);
  process.on('uncaughtException', (error) => die(log, error));
  process.on('unhandledRejection', (error) => die(log, error));
  run(config, log).catch((error: unknown) => die(log, error));
}

const [command, ...rest] = process.argv.slice(2);
if (command === 'token') {
  process.exitCode = runTokenCommand(rest, {
    out: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(text),
  });
} else {
  serve();
}
