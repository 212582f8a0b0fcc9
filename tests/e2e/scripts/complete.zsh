# Completes each line of standard input with the script that is named, which zsh may find by itself: the
# answers, one on a line, and `=` behind the last. There is completion only where there is a terminal, so a zsh with one does it.
zmodload zsh/zpty
fifo=$2
zpty shell zsh -f -i
zpty -w shell "
  fpath=(${(q)1:h} \$fpath)
  autoload -Uz compinit && compinit -u -D
  (( \$+_comps[smtpd] )) || source ${(q)1}
  # Nobody sees a list, and a question about a long one would take a key.
  unsetopt auto_list auto_menu
  answers=()
  # What is only looked up, or matched for another call, is no answer.
  compadd() {
    local -a found
    if (( ! \${@[(I)-[AOD]*]} )); then
      builtin compadd -A found \"\$@\"
      answers+=(\"\$found[@]\")
    fi
    builtin compadd \"\$@\"
  }
  complete-and-tell() {
    answers=()
    zle complete-word
    print -rl -- \$answers = > ${(q)fifo}
    BUFFER=
  }
  zle -C complete-word complete-word _main_complete
  zle -N complete-and-tell
  bindkey '^I' complete-and-tell
  print -r -- = > ${(q)fifo}
"
head -n 1 $fifo > /dev/null
while IFS= read -r line; do
  zpty -w -n shell "$line"$'\t'
  while IFS= read -r answer; do print -r -- $answer; done < $fifo
done
zpty -d shell
