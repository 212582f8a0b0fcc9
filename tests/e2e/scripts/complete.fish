# Completes each line of standard input with the script that is named, which fish may find by itself: the
# answers, one on a line, and `=` behind the last.
contains (dirname $argv[1]) $fish_complete_path; or source $argv[1]
while read -l line
    complete -C $line | string replace -r '\t.*' ''
    echo =
end
