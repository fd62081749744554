#!/bin/sh
# Everything that the pages of the SDK show, tried with an installation alone: what they say to type is typed, what they say
# is printed is printed, each formula and function is compiled and proved, each pipeline runs. HOTOOL_BIN is the program
# of the build to install. What is printed says what went wrong.
moved=moved
. "$(dirname "$0")/installation.sh"

pages="$work/moved/share/doc/hotool-sdk"
flags='-std=c11 -O0 -fPIC -shared -fvisibility=hidden -Wall -Wextra -Werror'

# page_error PLACE WHAT
page_error() {
    echo "$1: $2"
    exit 1
}

# Without what differs from one machine to another: figures that rounding decides, times, the width of columns.
plain() {
    sed -E 's/[0-9]+(\.[0-9]+)?e-[0-9]+ +\(at most/# (at most/; s/[0-9]+\.[0-9]{3,}/#/g; s/[0-9.]+ s( |$|;)/# s\1/g; s/[0-9.]+ degrees/# degrees/
        s/  +/ /g; s/ $//'
}

# printed PLACE STATUS <EXPECTED: each line stands in the output, in this order; "..." stands for any others.
printed() {
    plain >"$work/expected"
    plain <"$work/out" >"$work/plain"
    awk 'NR == FNR { out[NR] = $0; lines = NR; next }
        $0 == "..." || $0 == "" { next }
        { while (++i <= lines && out[i] != $0) continue; if (i > lines) { print; exit 1 } }' \
        "$work/plain" "$work/expected" >"$work/missing" || page_error "$1" "not printed: $(cat "$work/missing" "$work/out")"
    # A command that fails is shown with what it says.
    [ "$2" -eq 0 ] || grep -qE 'FAILED|timed out|^hotool: ' "$work/expected" || page_error "$1" "fails: $(cat "$work/out")"
}

# becomes FILE PLACE <TEXT
becomes() {
    cat >"$1"
}

# part_of FILE PLACE <TEXT: the lines stand in the file, one after another.
part_of() {
    awk 'NR == FNR { text[NR] = $0; lines = NR; next }
        { at = $0 == text[at + 1] ? at + 1 : $0 == text[1] ? 1 : 0; if (at == lines) { found = 1; exit } }
        END { exit !found }' - "$1" || page_error "$2" "is not in $1"
}

# alone_c PLACE <TEXT: a whole plugin; or the step of a dynamics, or statements in one. It passes its checks.
alone_c() {
    place=$1
    cat >"$work/block"
    if grep -q HO_EXPORT "$work/block"; then
        name=$(sed -n '/HO_EXPORT/,$s/.*\.name = "\([a-z0-9_]*\)".*/\1/p' "$work/block")
        cp "$work/block" "$work/$name.c"
    else
        name=shown
        {
            printf '#include <hotool/plugin.h>\n'
            grep -q '^static' "$work/block" || printf 'static ho_status step(void *self, ho_trace *x)\n{\n(void)self;\n'
            cat "$work/block"
            grep -q '^static' "$work/block" || printf 'return ho_ok(x);\n}\n'
            cat "$tests/shown.inc"
        } >"$work/$name.c"
    fi
    # shellcheck disable=SC2046,SC2086
    cc $flags $(pkg-config --cflags hotool-sdk) "$work/$name.c" -o "$work/$name.so" >"$work/log" 2>&1 ||
        page_error "$place" "$(cat "$work/log")"
    hotool check "$work/$name.so" >"$work/log" 2>&1 || page_error "$place" "$(cat "$work/log")"
}

# alone_yaml PLACE <TEXT: a pipeline; or some keys, which take the place of those of a small one.
alone_yaml() {
    cat >"$work/block"
    awk 'NR == FNR { if (/^[a-z]/) { sub(/:.*/, ""); given[$0] = 1 } next }
        /^[a-z]/ { key = $0; sub(/:.*/, "", key) } !(key in given)' "$work/block" "$tests/shown.yaml" >"$work/shown.yaml"
    cat "$work/block" >>"$work/shown.yaml"
    hotool hypergradient "$work/shown.yaml" --out "$work/shown" >"$work/log" 2>&1 || page_error "$1" "$(cat "$work/log")"
}

for page in README.md FORMULAS.md ABI.md; do
    [ -f "$pages/$page" ] || page_error "$page" "is not installed"
    rm -rf "$work/new"
    mkdir "$work/new"
    cd "$work/new"
    awk -v page="$page" -f "$tests/blocks.awk" "$pages/$page" >"$work/script"
    # shellcheck source=/dev/null
    . "$work/script"
    # shellcheck disable=SC2154
    [ "$blocks" -gt 0 ] || page_error "$page" "shows nothing"
done
