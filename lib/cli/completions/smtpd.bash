# Completion of smtpd for bash 4.4 and later, made by: smtpd completions bash
#
# For yourself, in ~/.bashrc:
#   source <(smtpd completions bash)
# For everybody, as root, where the package bash-completion is installed:
#   smtpd completions bash > /usr/share/bash-completion/completions/smtpd
#
# Nothing that is typed, and no name of a file or a message, is ever evaluated.

@TABLE@

# Takes quotes off a word, as bash does, and puts the home directory for a tilde in front.
# Sets `plain`. Variables and commands in it stay as they are written.
_smtpd_unquote() {
  local rest=$1 quote='' i char
  plain=''
  if [[ $rest == '~' || $rest == '~/'* ]]; then
    plain=$HOME
    rest=${rest:1}
  fi
  for ((i = 0; i < ${#rest}; i++)); do
    char=${rest:i:1}
    if [[ $char == \\ && $quote != \' ]]; then
      ((++i))
      plain+=${rest:i:1}
    elif [[ -z $quote && $char == [\"\'] ]]; then
      quote=$char
    elif [[ $char == "$quote" ]]; then
      quote=''
    else
      plain+=$char
    fi
  done
}

# Adds a whole word to the answers, less what readline leaves standing in front of it.
_smtpd_answer() {
  COMPREPLY+=("${1#"$standing"}")
}

# Adds the ids in the queue that begin so. The program says which there are; where it cannot, it is silent.
_smtpd_ids() {
  local -a found which=()
  local i plain id
  for ((i = 1; i < ${#words[@]} - 1; i++)); do
    case ${words[i]} in
      --queue | --config)
        _smtpd_unquote "${words[i + 1]}"
        which+=("${words[i]}=$plain")
        ;;
      --queue=* | --config=*)
        _smtpd_unquote "${words[i]}"
        which+=("$plain")
        ;;
    esac
  done
  mapfile -t found < <(command smtpd queue ids "${which[@]}" -- "$value" 2>/dev/null </dev/null)
  for id in "${found[@]%%$'\t'*}"; do
    [[ $id =~ ^[0-9a-z]+$ && $id == "$value"* ]] && _smtpd_answer "$id"
  done
}

# Adds the files that begin so, or the directories, where $1 is a slash. A glob finds them, since compgen
# takes quotes off in some situations and leaves them in others.
_smtpd_files() {
  local -a found
  local tilde='' name
  [[ $typed == '~'* ]] && tilde=$HOME
  compopt -o filenames 2>/dev/null
  mapfile -d '' -t found < <(set +f && shopt -s nullglob && shopt -u failglob && printf '%s\0' "$value"*$1)
  for name in "${found[@]}"; do
    [[ -n $tilde && $name == "$tilde"* ]] && name="~${name#"$tilde"}"
    [[ -n $name ]] && _smtpd_answer "$before${name%"$1"}"
  done
}

# Completes `value` with what `offers` has. `before` is the part of the word in front of the value.
_smtpd_offer() {
  local name
  case ${offers[0]-} in
    commands | words)
      for name in "${offers[@]:1}"; do
        [[ $name == "$value"* ]] && _smtpd_answer "$before$name"
      done
      ;;
    file) _smtpd_files '' ;;
    directory) _smtpd_files / ;;
    id) _smtpd_ids ;;
  esac
}

_smtpd() {
  local IFS=$' \t\n'
  local -a words=("${COMP_WORDS[0]}") flags=() offers=()
  local typed standing='' value before='' command='' pending='' isEnded='' operands=0
  local word name plain i
  COMPREPLY=()

  # Readline takes words apart at = and :, which are no ends of words when the line is run.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]-}
    if ((i > 1)) && [[ $word =~ ^[=:@]+$ || ${words[-1]} =~ [=:@]$ ]]; then
      words[-1]+=$word
    else
      words+=("$word")
    fi
  done
  typed=${words[-1]}
  word=${COMP_WORDS[COMP_CWORD]-}
  if [[ $word =~ ^[=:@]+$ ]]; then
    standing=$typed
  else
    standing=${typed:0:${#typed}-${#word}}
  fi

  for word in "${words[@]:1:${#words[@]}-2}"; do
    if [[ -n $pending ]]; then
      pending=''
    elif [[ -z $isEnded && $word == -- ]]; then
      isEnded=1
    elif [[ -z $isEnded && $word == -* ]]; then
      [[ $word != *=* ]] && _smtpd_value "$command" "$word" && pending=$word
    else
      _smtpd_operands "$command"
      name=$command
      if [[ ${offers[0]-} == commands && " ${offers[*]:1} " == *" $word "* ]]; then
        command+=${command:+ }$word
      fi
      [[ $name == "$command" ]] && ((++operands))
    fi
  done

  _smtpd_unquote "$typed"
  value=$plain
  offers=()
  if [[ -n $pending ]]; then
    _smtpd_value "$command" "$pending"
  elif [[ -z $isEnded && $typed == -*=* ]]; then
    value=${plain#*=}
    before=${typed%%=*}=
    _smtpd_value "$command" "${typed%%=*}" || return 0
  elif [[ -z $isEnded && $typed == -* ]]; then
    _smtpd_flags "$command"
    offers=(words "${flags[@]}")
  else
    _smtpd_operands "$command"
  fi
  _smtpd_offer
}

complete -F _smtpd smtpd
