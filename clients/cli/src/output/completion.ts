import { type Command } from 'commander';

import { FIELD_NAMES } from '../patch/fields.js';

/** What can follow one command. */
interface Completed {
  readonly name: string;
  readonly description: string;
  readonly options: readonly { readonly flag: string; readonly description: string }[];
  readonly words: readonly string[];
}

export function bashCompletion(program: Command): string {
  const cases = commandsOf(program).map(
    ({ name, options, words }) =>
      `    ${name}) words=${quoted([...options.map(({ flag }) => flag), ...words].join(' '))} ;;`,
  );
  return `# policyctl completion for bash
_policyctl() {
  local current=\${COMP_WORDS[COMP_CWORD]} command= word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case $word in ${namesOf(program).join('|')}) command=$word; break ;; esac
  done
  case $command in
    '') words=${quoted([...namesOf(program), ...optionsOf(program).map(({ flag }) => flag)].join(' '))} ;;
${cases.join('\n')}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
  [[ \${COMPREPLY[0]-} == *= ]] && compopt -o nospace
}
complete -o default -F _policyctl policyctl`;
}

export function zshCompletion(program: Command): string {
  const commands = commandsOf(program);
  const described = commands.map(({ name, description }) => `    ${quoted(`${name}:${description}`)}`);
  const cases = commands.map(
    ({ name, options, words }) =>
      `    ${name}) compadd -- ${[...options.map(({ flag }) => flag), ...words].map(quoted).join(' ')}; _files ;;`,
  );
  return `#compdef policyctl
# policyctl completion for zsh
_policyctl() {
  local -a commands=(
${described.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
${cases.join('\n')}
  esac
}
compdef _policyctl policyctl`;
}

export function fishCompletion(program: Command): string {
  const lines = commandsOf(program).flatMap(({ name, description, options, words }) => {
    const inside = `complete -c policyctl -n '__fish_seen_subcommand_from ${name}'`;
    return [
      `complete -c policyctl -n __fish_use_subcommand -f -a ${name} -d ${quoted(description)}`,
      ...options.map(
        (option) => `${inside} -l ${option.flag.replace(/^--/, '')} -d ${quoted(option.description)}`,
      ),
      ...(words.length > 0 ? [`${inside} -a ${quoted(words.join(' '))}`] : []),
    ];
  });
  return ['# policyctl completion for fish', ...lines].join('\n');
}

function commandsOf(program: Command): Completed[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: optionsOf(command),
    words: wordsOf(command),
  }));
}

function namesOf(program: Command): string[] {
  return program.commands.map((command) => command.name());
}

function optionsOf(command: Command): Completed['options'] {
  return command.options.flatMap(({ long, description }) =>
    typeof long === 'string' ? [{ flag: long, description }] : [],
  );
}

function wordsOf(command: Command): readonly string[] {
  if (command.name() === 'patch') return FIELD_NAMES.map((field) => `${field}=`);
  return command.registeredArguments.flatMap((argument): readonly string[] => {
    if (argument.argChoices) return argument.argChoices;
    return argument.name() === 'fields' ? FIELD_NAMES : [];
  });
}

/** For every shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
