import { allOptions, type Command, type Option, usageFailure } from '../command.ts';
import { EXIT } from '../failure.ts';

const SHELLS = ['bash', 'zsh', 'fish'] as const;

export const command: Command = {
  name: 'completion',
  usage: `completion ${SHELLS.join('|')}`,
  summary: 'Write the completion script of a shell.',
  words: SHELLS,
  options: {},
  details: `
  bash   source <(virtsec completion bash)                                  in ~/.bashrc
  zsh    source <(virtsec completion zsh)                                   in ~/.zshrc, after compinit
  fish   virtsec completion fish > ~/.config/fish/completions/virtsec.fish`,

  async run(call, io) {
    const [shell, ...more] = call.words;
    if (shell === undefined || more.length > 0 || !(SHELLS as readonly string[]).includes(shell)) {
      throw usageFailure(command, `name one shell: ${SHELLS.join(', ')}`);
    }
    const { loadCommands } = await import('../main.ts');
    const commands = await loadCommands();
    const writers = { bash: bashScript, zsh: zshScript, fish: fishScript };
    io.out(writers[shell as (typeof SHELLS)[number]](commands));
    return EXIT.ok;
  },
};

/** Commands whose first word is a file or folder. */
const SYSTEMS: ReadonlySet<string> = new Set(['run', 'check', 'plan', 'attack', 'test']);

const longOptions = (command: Command): [string, Option][] => Object.entries(allOptions(command));

function bashScript(commands: readonly Command[]): string {
  const cases = commands.map((command) => {
    const options = longOptions(command);
    const values = options.filter(([, option]) => option.value !== undefined);
    const files = values.filter(([, option]) => option.completes === 'file').map(([name]) => `--${name}`);
    const lists = values.flatMap(([name, { completes }]) =>
      completes === undefined || completes === 'file' ? [] : [[name, completes.join(' ')]],
    );
    const free = values.filter(([, option]) => option.completes === undefined).map(([name]) => `--${name}`);
    const inner: string[] = [];
    if (files.length > 0) inner.push(`      ${files.join('|')}) COMPREPLY=($(compgen -f -- "$word")); return ;;`);
    for (const [name, list] of lists) {
      inner.push(`      --${name}) COMPREPLY=($(compgen -W "${list}" -- "$word")); return ;;`);
    }
    if (free.length > 0) inner.push(`      ${free.join('|')}) return ;;`);
    const before =
      inner.length === 0 ? '' : `      case $previous in\n${inner.map((line) => `  ${line}`).join('\n')}\n      esac\n`;
    return `    ${command.name})\n${before}      options="${options.map(([name]) => `--${name}`).join(' ')}" words="${(command.words ?? []).join(' ')}" ;;`;
  });
  return `# bash completion of virtsec
_virtsec() {
  local word=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]} options= words=
  if [[ $COMP_CWORD -eq 1 ]]; then
    COMPREPLY=($(compgen -W "${commands.map((command) => command.name).join(' ')} help" -- "$word"))
    return
  fi
  case \${COMP_WORDS[1]} in
    help) words="${commands.map((command) => command.name).join(' ')}" ;;
${cases.join('\n')}
  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
  elif [[ -n $words ]]; then
    COMPREPLY=($(compgen -W "$words" -- "$word"))
  else
    COMPREPLY=($(compgen -f -- "$word"))
  fi
}
complete -o filenames -F _virtsec virtsec
`;
}

/** For a single-quoted word of zsh's _arguments: brackets and colons are its own. */
const zshText = (text: string): string => text.replaceAll("'", "'\\''").replaceAll(/[[\]:\\]/g, (c) => `\\${c}`);

function zshScript(commands: readonly Command[]): string {
  const list = commands.map((command) => `    '${command.name}:${command.summary.replaceAll("'", "'\\''")}'`);
  const cases = commands.map((command) => {
    const specs = longOptions(command).map(([name, option]) => {
      const times = option.multiple === true ? '*' : '';
      const { value: named, completes } = option;
      const action = completes === 'file' ? '_files' : completes === undefined ? ' ' : `(${completes.join(' ')})`;
      const value = named === undefined ? '' : `:${named}:${action}`;
      return `      '${times}--${name}[${zshText(option.summary)}]${value}'`;
    });
    const words = command.words === undefined ? `'*:file:_files'` : `'1:word:(${command.words.join(' ')})'`;
    return `    ${command.name}) _arguments \\\n${specs.join(' \\\n')} \\\n      ${words} ;;`;
  });
  return `#compdef virtsec
_virtsec() {
  local -a commands
  commands=(
${list.join('\n')}
    'help:Say more about a command.'
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local name=$words[2]
  shift words
  (( CURRENT-- ))
  case $name in
    help) _describe command commands ;;
${cases.join('\n')}
  esac
}
compdef _virtsec virtsec
`;
}

const quote = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`;

function fishScript(commands: readonly Command[]): string {
  const lines = ['# fish completion of virtsec', 'complete -c virtsec -f'];
  for (const command of commands) {
    lines.push(`complete -c virtsec -n __fish_use_subcommand -a ${command.name} -d ${quote(command.summary)}`);
    const when = `-n '__fish_seen_subcommand_from ${command.name}'`;
    if (command.words !== undefined) lines.push(`complete -c virtsec ${when} -a ${quote(command.words.join(' '))}`);
    else if (SYSTEMS.has(command.name)) lines.push(`complete -c virtsec ${when} -F`);
    for (const [name, option] of longOptions(command)) {
      const { value: named, completes } = option;
      const list = completes === undefined || completes === 'file' ? '' : ` -a ${quote(completes.join(' '))}`;
      const value = named === undefined ? '' : completes === 'file' ? ' -r -F' : ` -x${list}`;
      const short = option.short === undefined ? '' : ` -s ${option.short}`;
      lines.push(`complete -c virtsec ${when} -l ${name}${short}${value} -d ${quote(option.summary)}`);
    }
  }
  lines.push(`complete -c virtsec -n __fish_use_subcommand -a help -d 'Say more about a command.'`);
  return `${lines.join('\n')}\n`;
}
