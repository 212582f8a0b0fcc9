# Completion of smtpd for fish 3.1 and later, made by: smtpd completions fish
#
# For yourself:
#   smtpd completions fish > ~/.config/fish/completions/smtpd.fish
# For everybody, as root:
#   smtpd completions fish > /usr/share/fish/vendor_completions.d/smtpd.fish
#
# Nothing that is typed, and no name of a file or a message, is ever evaluated.

# Prints the command that the cursor is in, as far as it is there, and behind it a star if operands are.
function __smtpd_command
    set -l tokens (commandline -opc)
    set -e tokens[1]
    set -l command smtpd
    set -l star ''
    set -l is_value 0
    set -l is_ended 0
    for token in $tokens
        if test $is_value = 1
            set is_value 0
        else if test $is_ended = 0 -a "$token" = --
            set is_ended 1
        else if test $is_ended = 0; and string match -q -- '-*' $token
            __smtpd_has_value "$command" $token; and set is_value 1
        else if __smtpd_is_command "$command $token"
            set command "$command $token"
        else
            set star ' *'
        end
    end
    echo $command$star
end

# Whether the cursor is in one of these commands.
function __smtpd_in
    contains -- (string replace ' *' '' -- (__smtpd_command)) $argv
end

# Whether the cursor is right behind one of these commands, with no operand between.
function __smtpd_behind
    contains -- (__smtpd_command) $argv
end

# Prints the ids in the queue that begin so. The program says which there are; where it cannot, it is silent.
function __smtpd_ids
    set -l tokens (commandline -opc)
    set -l which
    set -l flag
    for token in $tokens
        if test -n "$flag"
            string match -q -- '~/*' $token; and set token $HOME(string sub -s 2 -- $token)
            set -a which $flag=$token
            set flag
        else
            switch $token
                case --queue --config
                    set flag $token
                case '--queue=*' '--config=*'
                    set -a which $token
            end
        end
    end
    command smtpd queue ids $which -- (commandline -ct) 2>/dev/null </dev/null
end

@TABLE@
