#!/bin/sh
# The tutorials of sdk/examples/, tried as their user would: copied from an installation, built with it alone, checked, and
# run in their pipelines. HOTOOL_BIN is the program of the build to install. What is printed says what went wrong.
. "$(dirname "$0")/installation.sh"

examples="$work/moved here/share/hotool/examples"
cp "$examples"/*.* "$examples/Makefile" .
try "they do not build" make CFLAGS='-O0 -Werror -Wpedantic -Wconversion -Wshadow' \
    CXXFLAGS='-O0 -Werror -Wpedantic -Wconversion -Wshadow'
count=0
for source in *.c *.cpp; do
    name=${source%.*}
    [ -f "$name.yaml" ] || { echo "$name has no pipeline"; exit 1; }
    grep -q "^| \`$source\` |" README.md || { echo "README.md does not name $source"; exit 1; }
    try "$name" make "$name.check"
    grep -q ' checks, 0 failed$' "$work/log" || { cat "$work/log"; exit 1; }
    # Dynamics that ask for a second gradient cannot drive hyperparameters. Nothing else may be skipped.
    skipped=$(grep -c ' skipped ' "$work/log" || true)
    second=$(grep -c 'outer *skipped *no optimizer of hyperparameters: .*gradient is not available' "$work/log" || true)
    [ "$skipped" -eq "$second" ] || { cat "$work/log"; exit 1; }
    grep -q '"[^"]*grad(' "$source" || [ "$second" -eq 0 ] || { cat "$work/log"; exit 1; }
    try "$name: its pipeline" make "$name.run"
    grep -q "results in runs/$name-1" "$work/log" || { cat "$work/log"; exit 1; }
    count=$((count + 1))
done
[ "$count" -ge 18 ] || { echo "only $count examples"; exit 1; }
# What the README names is there.
for file in $(sed -n 's/^| `\([a-z]*\/.*\)` |.*/\1/p' README.md | tr -d ',`' | awk '{
        split($1, part, "/"); for (i = 1; i <= NF; i++) print index($i, "/") ? $i : part[1] "/" $i }'); do
    [ -f "$examples/$file" ] || { echo "README.md names $file, which is not there"; exit 1; }
done
