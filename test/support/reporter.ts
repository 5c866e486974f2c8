import Mocha from 'mocha';

/** How long the process may live on after the last test, in milliseconds. */
const GRACE_MS = 10_000;

/**
 * Mocha's `spec`, with `N passed, N failed` as the last line. A run that leaves something open (a socket, a
 * timer, a child process) fails instead of hanging, and says what it left open.
 */
export default class Reporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    runner.once('end', () => {
      let { failures } = this.stats;
      const leftOpen = setTimeout(() => {
        failures += 1;
        console.error(`The tests left open: ${process.getActiveResourcesInfo().join(', ')}`);
        process.exit();
      }, GRACE_MS);
      leftOpen.unref();
      // After mocha's own listener, which sets the exit code from the failures that it knows.
      setImmediate(() => {
        process.once('exit', () => {
          console.log(`${this.stats.passes} passed, ${failures} failed`);
          if (failures > 0) process.exitCode = 1;
        });
      });
    });
  }
}
