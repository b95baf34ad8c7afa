import { kindText } from './completion-bash.ts';
import type { Offer } from './completion-offers.ts';

/** A script for fish 3 and later. */
export function fishCompletion(offers: readonly Offer[]): string {
  return `# fish completion of bayplan: bayplan completion fish | source
function __bayplan_at
  set -g __bayplan_valued; set -g __bayplan_stack; set -g __bayplan_below; set -g __bayplan_first none; set -g __bayplan_rest none; set -g __bayplan_suffix ''
  switch $argv[1]
${offers.map(place).join('\n')}
  end
end
function __bayplan_flags
  switch $argv[1]
${offers.map(({ path, options }) => `    case '${path}'; printf '%s\\t%s\\n' ${options.flatMap((option) => option.flags.map((flag) => `${flag} ${quoted(option.summary)}`)).join(' ')}`).join('\n')}
  end
end
function __bayplan_commands
  switch $argv[1]
${offers.filter(({ below }) => below.length > 0).map(({ path, below }) => `    case '${path}'; printf '%s\\t%s\\n' ${below.map(({ name, summary }) => `${name} ${quoted(summary)}`).join(' ')}`).join('\n')}
  end
end
function __bayplan_value
  switch "$argv[1] $argv[2]"
${offers.flatMap(({ path, options }) => options.flatMap(({ flags, value }) => (value === null || value === 'none' ? [] : [`    case ${flags.map((flag) => `'${path} ${flag}'`).join(' ')}; echo '${kindText(value)}'`]))).join('\n')}
    case '*'; echo none
  end
end
function __bayplan_complete
  set -l words (commandline -opc)
  set -l cur (commandline -ct)
  set -l place ''
  set -l option ''
  set -l given
  set -l seen 0
  __bayplan_at ''
  set -l i 2
  while test $i -le (count $words)
    set -l word $words[$i]
    if contains -- $word $__bayplan_valued
      set option $word
      set i (math $i + 1)
      test $i -gt (count $words); and break
      contains -- $option $__bayplan_stack; and set -a given $option (string replace -r '^~' $HOME -- $words[$i])
      set option ''
    else if string match -q -- '--*=*' $word
      contains -- (string split -m1 = -- $word)[1] $__bayplan_stack; and set -a given $word
    else if not string match -q -- '-*' $word
      if test $seen -eq 0; and contains -- $word $__bayplan_below
        set place (string trim -- "$place $word")
        __bayplan_at $place
      else
        set seen (math $seen + 1)
      end
    end
    set i (math $i + 1)
  end
  set -l before ''
  if test -z "$option"; and string match -q -- '--*=*' $cur
    set option (string split -m1 = -- $cur)[1]
    set before $option=
  end
  set -l kind
  if test -n "$option"
    set kind (__bayplan_value $place $option)
  else if string match -q -- '-*' $cur
    __bayplan_flags $place
    return
  else if test (count $__bayplan_below) -gt 0
    __bayplan_commands $place
    return
  else if test $seen -eq 0
    set kind $__bayplan_first
  else
    set kind $__bayplan_rest
  end
  switch $kind
    case none
    case files
      __fish_complete_path (string replace -- "$before" '' $cur)
    case services profiles
      set -l suffix ''
      test -z "$option"; and set suffix $__bayplan_suffix
      for name in ($words[1] $given config --$kind 2>/dev/null)
        echo $before$name$suffix
      end
      test "$suffix" = :; and __fish_complete_path $cur
    case '*'
      for name in (string split ' ' -- $kind)
        echo $before$name
      end
  end
end
complete -c bayplan -e
complete -c bayplan -f -a '(__bayplan_complete)'
`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll('\'', '\\\'')}'`;
}

function place({ path, options, below, first, rest, suffix }: Offer): string {
  const flagsOf = (which: readonly { readonly flags: readonly string[] }[]): string => which.flatMap(({ flags }) => flags).join(' ');
  const parts = {
    valued: flagsOf(options.filter(({ value }) => value !== null)), stack: flagsOf(options.filter(({ stack }) => stack)), below: below.map(({ name }) => name).join(' '),
    first: `'${kindText(first)}'`, rest: `'${kindText(rest)}'`, suffix: `'${suffix}'`,
  };
  return `    case '${path}'; ${Object.entries(parts).map(([name, text]) => `set -g __bayplan_${name} ${text}`).join('; ')}`;
}
