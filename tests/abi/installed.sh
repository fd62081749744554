#!/bin/sh
# An installation that was moved: what lies where, and that its programs find it. HOTOOL_BIN is the program of the build to
# install. What is printed says what went wrong.
set -eu

build=$(dirname "$(dirname "$HOTOOL_BIN")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset HOTOOL_PLUGIN_PATH

meson install -C "$build" --no-rebuild --destdir "$work/system" >"$work/install.log" 2>&1 || { cat "$work/install.log"; exit 1; }
bin=$(dirname "$(find "$work/system" -path '*/bin/hotool')")
mv "$(dirname "$bin")" "$work/moved"
rm -rf "$work/system"
hotool=$work/moved/bin/hotool

# Its own plugins and pipelines, found from where the program lies now.
cd "$work"
"$hotool" plugins adam | grep -q "^from $work/moved/bin/../lib.*/dynamics/adam.so" || { echo "not its own plugins"; exit 1; }
"$hotool" pipeline generated_mtl --quiet --set variants=null --set repeat=null --set outer/iterations=1 --set steps=5 \
    --out own >/dev/null
[ -f own/result.json ] || { echo "generated_mtl left no result.json"; exit 1; }
"$hotool" report --version >/dev/null

# What belongs where.
for file in share/man/man1/hotool.1 share/man/man1/hotool-check.1 share/man/man1/hotool-report.1 \
    share/man/man5/hotool-pipeline.5 share/man/man7/hotool-plugin.7 share/hotool/configs/cifar_mtl.yaml \
    share/hotool/examples/dynamics/adam.c share/hotool/examples/sam.c share/hotool/examples/Makefile \
    share/doc/hotool-sdk/ABI.md share/doc/hotool-sdk/FORMULAS.md include/hotool/plugin.h \
    share/hotool/template/common/meson.build share/bash-completion/completions/hotool \
    share/zsh/site-functions/_hotool; do
    [ -f "moved/$file" ] || { echo "$file is not installed"; exit 1; }
done
found=$(cd "$work/moved" && find . -path '*/examples/*meson.build' -o -name '*.a' -o -name hotool-docs)
[ -z "$found" ] || { echo "installed, but should not be: $found"; exit 1; }

PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name hotool-sdk.pc)")
export PKG_CONFIG_PATH
folder=$(pkg-config --variable=plugindir hotool-sdk)
case $folder in "$work"/moved/*) ;; *) echo "plugindir is $folder"; exit 1 ;; esac
[ -f "$folder/dynamics/adam.so" ] || { echo "plugindir is $folder"; exit 1; }
