import { InvalidArgumentError, type Command } from 'commander';
import type { AddCommand } from './program.ts';

type Shell = 'bash' | 'zsh' | 'fish';

/** What a shell can offer after a command's name. */
interface Offer { readonly path: readonly string[]; readonly summary: string; readonly options: readonly { readonly flags: readonly string[]; readonly value: boolean; readonly summary: string }[]; readonly below: readonly string[]; readonly services: boolean }

export const addCompletion: AddCommand = (program, cli, ends) => {
  program.command('completion').description('print what makes a shell complete commands, options and services: `source <(bayplan completion bash)`')
    .argument('<shell>', 'bash, zsh or fish', (value: string): Shell => {
      if (value !== 'bash' && value !== 'zsh' && value !== 'fish') throw new InvalidArgumentError('Expected bash, zsh or fish.');
      return value;
    })
    .action(ends((shell: Shell) => {
      cli.stdout.write({ bash, zsh, fish }[shell](offersOf(program, [])));
      return Promise.resolve(0);
    }));
};

/** The program's own offer first, then its commands' and theirs. */
function offersOf(command: Command, path: readonly string[]): readonly Offer[] {
  const options = command.options.filter(({ hidden }) => !hidden).map((option) => ({
    flags: [option.short, option.long].filter((flag) => flag !== undefined && flag !== null), value: option.required || option.optional, summary: option.description,
  }));
  const services = command.registeredArguments.some((argument) => argument.name() === 'service' || argument.name() === 'source');
  return [
    { path, summary: command.description(), options, below: command.commands.map((below) => below.name()), services },
    ...command.commands.flatMap((below) => offersOf(below, [...path, below.name()])),
  ];
}

const SERVICES = 'bayplan ps --all --services 2>/dev/null';

function bash(offers: readonly Offer[]): string {
  const [own] = offers;
  const withValue = (own?.options ?? []).filter(({ value }) => value).flatMap(({ flags }) => flags).join('|');
  const cases = offers.map(({ path, options, below, services }) =>
    `    '${path.join(' ')}') words='${[...below, ...options.flatMap(({ flags }) => flags)].join(' ')}'; services=${services ? 1 : 0};;`);
  return `# bash completion of bayplan: source <(bayplan completion bash)
_bayplan() {
  local cur=\${COMP_WORDS[COMP_CWORD]} path= words= services=0 i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case \${COMP_WORDS[i]} in
      ${withValue}) ((i++));;
      -*) ;;
      *) case "\${path:+$path }\${COMP_WORDS[i]}" in
        ${offers.slice(1).map(({ path }) => `'${path.join(' ')}'`).join('|')}) path="\${path:+$path }\${COMP_WORDS[i]}";;
      esac;;
    esac
  done
  case $path in
${cases.join('\n')}
  esac
  if [[ $cur != -* && $services == 1 ]]; then words=$(${SERVICES}); fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o bashdefault -o default -F _bayplan bayplan
`;
}

function zsh(offers: readonly Offer[]): string {
  const quoted = (text: string): string => text.replaceAll('\'', '\'\\\'\'').replaceAll(':', '\\:');
  const cases = offers.map(({ path, options, below, services }) => {
    const commands = below.map((name) => `'${name}:${quoted(offers.find((other) => other.path.join(' ') === [...path, name].join(' '))?.summary ?? '')}'`);
    const flags = options.flatMap((option) => option.flags.map((flag) => `'${flag}:${quoted(option.summary)}'`));
    return `    '${path.join(' ')}') commands=(${commands.join(' ')}); flags=(${flags.join(' ')}); services=${services ? 1 : 0};;`;
  });
  return `#compdef bayplan
# zsh completion of bayplan: source <(bayplan completion zsh), or a file _bayplan on $fpath
_bayplan() {
  local -a commands flags
  local place= services=0 word
  for word in \${words[2,CURRENT-1]}; do
    case "\${place:+$place }$word" in
      ${offers.slice(1).map(({ path }) => `'${path.join(' ')}'`).join('|')}) place="\${place:+$place }$word";;
    esac
  done
  case $place in
${cases.join('\n')}
  esac
  if [[ \${words[CURRENT]} == -* ]]; then _describe option flags
  elif (( services )); then commands=(\${(f)"$(${SERVICES})"}); _describe service commands
  elif (( \${#commands} )); then _describe command commands
  else _files; fi
}
if [[ $funcstack[1] == _bayplan ]]; then _bayplan "$@"; else compdef _bayplan bayplan; fi
`;
}

function fish(offers: readonly Offer[]): string {
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll('\'', '\\\'')}'`;
  const lines = offers.flatMap(({ path, summary, options, services }) => {
    const seen = path.length === 0 ? '' : `-n ${quoted(path.map((word) => `__fish_seen_subcommand_from ${word}`).join('; and '))} `;
    const above = path.slice(0, -1);
    const here = above.length === 0 ? '__fish_use_subcommand' : `__fish_seen_subcommand_from ${above.join(' ')}`;
    return [
      ...(path.length === 0 ? [] : [`complete -c bayplan -f -n ${quoted(here)} -a ${path.at(-1) ?? ''} -d ${quoted(summary)}`]),
      ...options.map(({ flags, value, summary: about }) => `complete -c bayplan ${seen}${flags.map((flag) => (flag.startsWith('--') ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`)).join(' ')}${value ? ' -r' : ''} -d ${quoted(about)}`),
      ...(services ? [`complete -c bayplan -f ${seen}-a '(${SERVICES})'`] : []),
    ];
  });
  return `# fish completion of bayplan: bayplan completion fish | source\n${lines.join('\n')}\n`;
}
