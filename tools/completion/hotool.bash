# Completion of hotool's command line in bash. What there is to offer, hotool itself knows: `hotool complete`.

_hotool() {
    local line=${COMP_LINE:0:COMP_POINT} program=${COMP_WORDS[0]/#\~/$HOME} words word start candidate
    read -ra words <<<"$line"
    [[ $line == *[[:space:]] ]] && words+=("")
    word=${words[${#words[@]} - 1]}
    # readline takes what follows the last '=' for a word of its own.
    start=${word%"${word##*=}"}
    COMPREPLY=()
    while IFS= read -r candidate; do
        COMPREPLY+=("${candidate#"$start"}")
        [[ $candidate == *[=/] ]] && compopt -o nospace 2>/dev/null
    done < <("$program" complete "${words[@]:1}" 2>/dev/null)
}

complete -o default -F _hotool hotool
