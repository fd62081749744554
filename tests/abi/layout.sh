#!/bin/sh
# Whether layout.c asserts the place of every member of every public struct. What is printed says which it does not.
set -eu

tests=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Each struct on a line of its own: NAME;MEMBER;MEMBER;...
# (Those of formulas.h are a plugin's own.)
for header in "$tests"/../../sdk/hotool/*.h; do
    [ "${header##*/}" = formulas.h ] || printf '#include "%s"\n' "$header"
done | cc -E -P -I "$tests/../../sdk" -x c - | tr '\n' ' ' |
    sed 's/struct ho_[a-z_]* *{/\n&/g; s/} *\(ho_[a-z_]*\)\{0,1\} *;/&\n/g' |
    sed -n 's/^struct \(ho_[a-z_]*\) *{\(.*\)}.*/\1;\2/p' >"$work/structs"
[ "$(wc -l <"$work/structs")" -ge 28 ] || { echo "only $(wc -l <"$work/structs") structs are found"; exit 1; }

awk -F';' '
    function want(type, member) { gsub(/ /, "", member); print "AT(" type ", " member "," }
    {
        for (i = 2; i < NF; i++) {
            if ($i ~ /\( *\*/) { # a function
                sub(/^[^(]*\( *\*/, "", $i)
                sub(/\).*/, "", $i)
                want($1, $i)
                continue
            }
            sub(/\[.*/, "", $i)
            count = split($i, names, ",")
            for (k = 1; k <= count; k++) {
                sub(/ *$/, "", names[k])
                sub(/.*[ *]/, "", names[k])
                want($1, names[k])
            }
        }
        print "SIZE(" $1 ","
    }' "$work/structs" >"$work/wanted"
while IFS= read -r row; do
    grep -qF -- "$row" "$tests/layout.c" || { echo "layout.c lacks $row"; missing=1; }
done <"$work/wanted"
[ -z "${missing-}" ]
