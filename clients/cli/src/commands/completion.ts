import { Argument, type Command } from 'commander';

import { bashCompletion, fishCompletion, zshCompletion } from '../output/completion.js';
import { type Terminal } from '../output/terminal.js';

const SHELLS = { bash: bashCompletion, zsh: zshCompletion, fish: fishCompletion } as const;

const SET_UP = `
bash:  echo 'source <(policyctl completion bash)' >> ~/.bashrc
zsh:   echo 'source <(policyctl completion zsh)' >> ~/.zshrc       after compinit
fish:  policyctl completion fish > ~/.config/fish/completions/policyctl.fish`;

export function addCompletion(program: Command, terminal: Terminal): void {
  program
    .command('completion')
    .description('print a script that completes commands, options and fields in a shell')
    .addArgument(new Argument('<shell>', 'which one').choices(Object.keys(SHELLS)))
    .addHelpText('after', SET_UP)
    .action((shell: keyof typeof SHELLS) => {
      terminal.print(SHELLS[shell](program));
    });
}
