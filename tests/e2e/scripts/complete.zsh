# Completes each line of standard input with the script that is named, which zsh may find by itself: the
# answers, one on a line, and `=` behind the last. There is completion only where there is a terminal, so a
# zsh with one does it, and tells the answers by a fifo, which stays open here from the first to the last.
zmodload zsh/zpty
fifo=$2
exec {answers}<>$fifo
zpty -b shell zsh -f -i
zpty -w shell "source ${(q)0:h}/complete_in_terminal.zsh ${(q)1} ${(q)fifo}"
# It has its first prompt.
read -r -u $answers
while IFS= read -r line; do
  # What the terminal shows is of no use, and may not fill it.
  while zpty -r shell shown; do done
  zpty -w -n shell "$line"$'\t'
  answer=
  until [[ $answer == = ]]; do
    IFS= read -r -u $answers answer && print -r -- $answer
  done
done
zpty -d shell
exit 0
