import { run } from './run.js';

// What Node deprecates in a library is nothing that an operator can mend.
process.noDeprecation = true;
process.exitCode = await run(process.argv.slice(2));
