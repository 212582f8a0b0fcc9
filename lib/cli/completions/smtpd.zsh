#compdef smtpd
# Completion of smtpd for zsh 5.1 and later, made by: smtpd completions zsh
#
# For yourself, in ~/.zshrc behind compinit:
#   source <(smtpd completions zsh)
# For everybody, as root, into a directory of $fpath:
#   smtpd completions zsh > /usr/local/share/zsh/site-functions/_smtpd
#
# Nothing that is typed, and no name of a file or a message, is ever evaluated.

# Adds the ids in the queue that begin so. The program says which there are; where it cannot, it is silent.
_smtpd_ids() {
  local -a found which
  local i value
  for ((i = 2; i < $#smtpd_line; i++)); do
    case $smtpd_line[i] in
      --queue | --config)
        value=${smtpd_line[i+1]/#\~\//$HOME/}
        which+=("$smtpd_line[i]=${(Q)value}")
        ;;
      --queue=* | --config=*) which+=("${(Q)smtpd_line[i]}") ;;
    esac
  done
  found=("${(@f)$(command smtpd queue ids "$which[@]" -- "${(Q)PREFIX}" 2>/dev/null </dev/null)}")
  [[ -n $found[1] ]] || return 1
  found=("${(@)found/$'\t'/:}")
  _describe -t queue-ids 'queue id' found
}

@TABLE@

# Loaded from a directory of $fpath this is the body of the function; sourced, it is not.
if [[ $funcstack[1] == _smtpd ]]; then
  _smtpd "$@"
else
  compdef _smtpd smtpd
fi
