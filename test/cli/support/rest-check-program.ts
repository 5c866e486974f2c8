import { Command } from 'commander';

import { registerRestCheck } from '../../../clients/cli/src/rest-check/register-rest-check.js';

const program = new Command('policyctl').exitOverride((error) => {
  process.exit(error.exitCode === 0 ? 0 : 2);
});
registerRestCheck(program);
await program.parseAsync();
