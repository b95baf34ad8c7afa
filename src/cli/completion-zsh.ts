import { kindText } from './completion-bash.ts';
import type { Offer } from './completion-offers.ts';

/** A script to be sourced, or to be kept as `_bayplan` in a folder of $fpath. */
export function zshCompletion(offers: readonly Offer[]): string {
  return `#compdef bayplan
# zsh completion of bayplan: source <(bayplan completion zsh), or a file _bayplan on $fpath
_bayplan_at() {
  flags=() valued=() stack=() below=() first=none rest=none suffix=
  case $1 in
${offers.map(place).join('\n')}
  esac
}
_bayplan_value() {
  case "$1 $2" in
${offers.flatMap(({ path, options }) => options.flatMap(({ flags, value }) => (value === null || value === 'none' ? [] : [`    ${flags.map((flag) => `'${path} ${flag}'`).join('|')}) kind='${kindText(value)}';;`]))).join('\n')}
  esac
}
_bayplan() {
  local -a flags valued stack below given names
  local first rest suffix place= option= kind=none word=
  integer seen=0 i
  _bayplan_at ''
  for ((i = 2; i < CURRENT; i++)); do
    word=\${words[i]}
    if (( \${valued[(Ie)$word]} )); then
      option=$word
      if (( ++i >= CURRENT )); then break; fi
      (( \${stack[(Ie)$option]} )) && given+=("$option" "\${(Q)words[i]/#\\~/$HOME}")
      option=
    elif [[ $word == --*=* ]]; then
      (( \${stack[(Ie)\${word%%=*}]} )) && given+=("\${(Q)word}")
    elif [[ $word != -* ]]; then
      if (( seen == 0 && \${below[(I)$word:*]} )); then place="\${place:+$place }$word"; _bayplan_at "$place"
      else (( ++seen )); fi
    fi
  done
  word=\${words[CURRENT]}
  if [[ -z $option && $word == --*=* ]] && (( \${valued[(Ie)\${word%%=*}]} )); then option=\${word%%=*}; compset -P '*='; fi
  if [[ -n $option ]]; then _bayplan_value "$place" "$option"
  elif [[ $word == -* ]]; then _describe -o option flags; return
  elif (( \${#below} )); then _describe command below; return
  elif (( seen == 0 )); then kind=$first
  else kind=$rest; fi
  case $kind in
    none) _message 'no completion';;
    files) _files;;
    services | profiles)
      names=(\${(f)"$(\${(Q)words[1]/#\\~/$HOME} \${given[@]} config --$kind 2>/dev/null)"})
      if [[ -n $option || -z $suffix ]]; then _describe $kind names
      else compadd -S "$suffix" -a names; [[ $suffix == : ]] && _files; fi;;
    *) names=(\${=kind}); _describe value names;;
  esac
}
if [[ $funcstack[1] == _bayplan ]]; then _bayplan "$@"; else compdef _bayplan bayplan; fi
`;
}

function place({ path, options, below, first, rest, suffix }: Offer): string {
  const quoted = (text: string): string => text.replaceAll('\'', '\'\\\'\'').replaceAll(':', '\\:');
  const described = (name: string, summary: string): string => `'${name}:${quoted(summary)}'`;
  const flagsOf = (which: readonly { readonly flags: readonly string[] }[]): string => which.flatMap(({ flags }) => flags).join(' ');
  const parts = [
    `flags=(${options.flatMap((option) => option.flags.map((flag) => described(flag, option.summary))).join(' ')})`,
    `valued=(${flagsOf(options.filter(({ value }) => value !== null))})`, `stack=(${flagsOf(options.filter(({ stack }) => stack))})`,
    `below=(${below.map(({ name, summary }) => described(name, summary)).join(' ')})`, `first='${kindText(first)}' rest='${kindText(rest)}' suffix='${suffix}'`,
  ];
  return `    '${path}') ${parts.join('; ')};;`;
}
