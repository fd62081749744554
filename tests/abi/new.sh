#!/bin/sh
# What `hotool new` writes, tried as its user would: with an installation that was moved, found through PATH and
# pkg-config alone, a plugin of every kind is made, built and checked, in C and in C++, by make and by meson, and its
# pipeline runs. HOTOOL_BIN is the program of the build to install. What is printed says what went wrong.
. "$(dirname "$0")/installation.sh"

flags='-O1 -Werror -Wpedantic -Wconversion -Wshadow'
for kind in dynamics model loss penalty constraint data mode; do
    name=own_$kind
    try "hotool new $kind" hotool new "$kind" "$name"
    if grep -rE 'my_(plugin|kind)' "$name" || ls "$name" | grep my_plugin; then
        echo "$kind: a mark of the template was left"
        exit 1
    fi
    try "$kind in C" make -C "$name" check CFLAGS="$flags"
    grep -q ' checks, 0 failed$' "$work/log" || { cat "$work/log"; exit 1; }
    if grep -q ' skipped ' "$work/log"; then cat "$work/log"; exit 1; fi
    try "$kind: its pipeline" make -C "$name" run
    grep -q "results in runs/$name-1" "$work/log" || { cat "$work/log"; exit 1; }
    HOTOOL_PLUGIN_PATH=$name hotool plugins "$name" | grep -q "^$kind $name 0.1: " || { echo "no page of $name"; exit 1; }
    nm -D --defined-only "$name/$name.so" | grep -q ' hotool_plugin_v0$' || { echo "$name.so exports nothing"; exit 1; }
    make -s -C "$name" clean
    mv "$name/$name.c" "$name/$name.cpp"
    try "$kind in C++" make -C "$name" check CXXFLAGS="$flags"
    nm -D --defined-only "$name/$name.so" | grep -q ' hotool_plugin_v0$' || { echo "$name.so exports nothing"; exit 1; }
done

# meson: one in C, one in C++; installed beside hotool's own plugins.
try "new, with a folder" hotool new dynamics spare elsewhere
for folder in elsewhere own_model; do
    try "$folder with meson" meson setup "$folder/build" "$folder" -Dwerror=true
    try "$folder with meson" meson test -C "$folder/build"
done
try "meson install" meson install -C elsewhere/build
try "make install" make -C own_mode install
hotool plugins spare | grep -q "^from $work/moved here/" || { echo "spare is not installed"; exit 1; }
hotool plugins own_mode | grep -q "^from $work/moved here/" || { echo "own_mode is not installed"; exit 1; }

# Its optimizer has the formulas of the shipped momentum, so its hypergradient is the same to the last bit.
hotool new dynamics mine >/dev/null
make -s -C mine
HOTOOL_PLUGIN_PATH=$PWD/mine
export HOTOOL_PLUGIN_PATH
try "own" hotool hypergradient mine/pipeline.yaml --set precision=f64 --out own
try "shipped" hotool hypergradient mine/pipeline.yaml --set precision=f64 --set dynamics/plugin=momentum --out shipped
for name in dynamics.learning_rate dynamics.momentum; do
    cmp "own/$name.npy" "shipped/$name.npy"
done
unset HOTOOL_PLUGIN_PATH

# A wrong formula is found, and make says so.
hotool new dynamics wrong >/dev/null
sed -i 's/"w + velocity"/"w + stop(velocity)"/' wrong/wrong.c
if make -C wrong check >"$work/log" 2>&1 || ! grep -q FAILED "$work/log"; then
    echo "a wrong derivative passes:"
    cat "$work/log"
    exit 1
fi
# Without the SDK the reason is told.
if PKG_CONFIG_PATH=/nowhere PKG_CONFIG_LIBDIR=/nowhere make -C wrong >"$work/log" 2>&1 ||
    ! grep -q 'pkg-config does not find hotool-sdk: set PKG_CONFIG_PATH' "$work/log"; then
    cat "$work/log"
    exit 1
fi
