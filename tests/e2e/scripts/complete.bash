# Completes each line of standard input as bash does, with the script that is named: the answers, one on a
# line, and `=` behind the last. A line is words with a tab between them, as readline takes them apart.
# shellcheck disable=SC1090
source "$1"
[[ $(complete -p smtpd) == 'complete -F _smtpd smtpd' ]] || exit 1
while IFS= read -r line; do
  mapfile -d $'\t' -t COMP_WORDS < <(printf '%s\t' "$line")
  COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
  _smtpd smtpd
  ((${#COMPREPLY[@]} == 0)) || printf '%s\n' "${COMPREPLY[@]}"
  echo =
done
