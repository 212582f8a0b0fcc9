# Sourced by the zsh of complete.zsh: has Tab tell by a fifo what the line can become, and empty the line.
fifo=$2
fpath=(${1:h} $fpath)
autoload -Uz compinit && compinit -u -D
(( $+_comps[smtpd] )) || source $1
# Nobody sees a list, and a question about a long one would take a key.
unsetopt auto_list auto_menu
answers=()
# What is only looked up, or matched for another call, is no answer.
compadd() {
  local -a found
  if (( ! ${@[(I)-[AOD]*]} )); then
    builtin compadd -A found "$@"
    answers+=("$found[@]")
  fi
  builtin compadd "$@"
}
complete-and-tell() {
  answers=()
  zle complete-word
  print -rl -- $answers = > $fifo
  BUFFER=
}
tell-first-prompt() {
  zle -D zle-line-init
  print > $fifo
}
zle -C complete-word complete-word _main_complete
zle -N complete-and-tell
zle -N zle-line-init tell-first-prompt
bindkey '^I' complete-and-tell
