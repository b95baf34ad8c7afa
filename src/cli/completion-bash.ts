import type { Kind, Offer } from './completion-offers.ts';

/** A script for bash 4 and later, with and without the package bash-completion. */
export function bashCompletion(offers: readonly Offer[]): string {
  return `# bash completion of bayplan: source <(bayplan completion bash)
_bayplan_at() {
  flags= valued= stack= below= first= rest= suffix=
  case $1 in
${offers.map(place).join('\n')}
    *) return 1;;
  esac
}
_bayplan_value() {
  case "$1 $2" in
${offers.flatMap(({ path, options }) => options.flatMap(({ flags, value }) => (value === null || value === 'none' ? [] : [`    ${flags.map((flag) => `'${path} ${flag}'`).join('|')}) kind='${kindText(value)}';;`]))).join('\n')}
  esac
}
_bayplan() {
  local flags valued stack below first rest suffix cur=\${COMP_WORDS[COMP_CWORD]} place= option= kind= seen=0 i word given=() words=
  _bayplan_at ''
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=\${COMP_WORDS[i]}
    if [[ " $valued " == *" $word "* ]]; then
      option=$word
      [[ \${COMP_WORDS[i + 1]} == = ]] && ((i++)) # bash has split --option=value
      if ((++i >= COMP_CWORD)); then [[ $cur == = ]] && cur=; break; fi
      [[ " $stack " == *" $option "* ]] && given+=("$option" "\${COMP_WORDS[i]/#~/$HOME}")
      option=
    elif [[ $word == [=:] ]]; then ((i++)) # bash has split what goes on after it too
    elif [[ $word != -* ]]; then
      if ((seen == 0)) && [[ " $below " == *" $word "* ]]; then place="\${place:+$place }$word"; _bayplan_at "$place"
      else ((seen++)); fi
    fi
  done
  if [[ -n $option ]]; then _bayplan_value "$place" "$option"
  elif [[ $cur == -* ]]; then kind=flags
  elif [[ -n $below ]]; then kind=$below
  elif ((seen == 0)); then kind=$first
  else kind=$rest; fi
  case $kind in
    '' | none) ;;
    flags) words=$flags;;
    files) compopt -o default 2>/dev/null;;
    services | profiles) words=$("\${COMP_WORDS[0]/#~/$HOME}" "\${given[@]}" config --"$kind" 2>/dev/null);;
    *) words=$kind;;
  esac
  COMPREPLY=()
  while read -r word; do # names are of a file that may be anybody's: none that the shell would make something of (compgen -W would, at once)
    [[ $word == "$cur"* && $word =~ ^[A-Za-z0-9_.-]+$ ]] && COMPREPLY+=("$word")
  done <<< "\${words// /$'\\n'}"
  if [[ $kind == services && -z $option && -n $suffix ]]; then
    compopt -o nospace 2>/dev/null
    COMPREPLY=("\${COMPREPLY[@]/%/$suffix}")
    [[ $suffix == : ]] && compopt -o default 2>/dev/null
  fi
}
complete -F _bayplan bayplan
`;
}

function place({ path, options, below, first, rest, suffix }: Offer): string {
  const flagsOf = (which: readonly { readonly flags: readonly string[] }[]): string => which.flatMap(({ flags }) => flags).join(' ');
  const parts = {
    flags: flagsOf(options), valued: flagsOf(options.filter(({ value }) => value !== null)), stack: flagsOf(options.filter(({ stack }) => stack)),
    below: below.map(({ name }) => name).join(' '), first: kindText(first), rest: kindText(rest), suffix,
  };
  return `    '${path}') ${Object.entries(parts).filter(([, text]) => text !== '' && text !== 'none').map(([name, text]) => `${name}='${text}'`).join('; ')};;`;
}

export function kindText(kind: Kind): string {
  return typeof kind === 'string' ? kind : kind.join(' ');
}
