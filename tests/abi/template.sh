#!/bin/sh
# A stranger's way: install hotool, move the installation elsewhere, copy the template out of it, build it there with
# nothing but pkg-config, and use it in a pipeline. HOTOOL_BIN is the program of the build to install. What is printed
# says what went wrong.
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
    share/hotool/examples/dynamics/adam.c share/doc/hotool-sdk/FORMULAS.md include/hotool/plugin.h; do
    [ -f "moved/$file" ] || { echo "$file is not installed"; exit 1; }
done
found=$(cd "$work/moved" && find . -name meson.build -o -name '*.a' -o -name hotool-docs)
[ -z "$found" ] || { echo "installed, but should not be: $found"; exit 1; }

cp -r moved/share/hotool/template mine
cd mine
PKG_CONFIG_PATH=$(dirname "$(find "$work/moved" -name hotool-sdk.pc)")
export PKG_CONFIG_PATH
folder=$(pkg-config --variable=plugindir hotool-sdk)
case $folder in "$work"/moved/*) ;; *) echo "plugindir is $folder"; exit 1 ;; esac
[ -f "$folder/dynamics/adam.so" ] || { echo "plugindir is $folder"; exit 1; }
make CFLAGS='-O1 -Werror -Wpedantic'

HOTOOL_PLUGIN_PATH=$work/mine
export HOTOOL_PLUGIN_PATH
"$hotool" plugins my_momentum | grep -q 'learning_rate' || { echo "hotool does not document the template"; exit 1; }

cat >run.yaml <<'YAML'
precision: f64
data: {plugin: generated, features: 6, tasks: 4, training: 20, validation: 12, test: 8}
model: softmax
objective: {loss: cross_entropy}
dynamics: {plugin: my_momentum, learning_rate: 0.05, momentum: 0.8}
steps: 10
validation: {loss: cross_entropy}
hyperparameters:
  dynamics.learning_rate: {constraint: nonnegative}
  dynamics.momentum: {constraint: {plugin: box, lower: 0, upper: 0.9}}
hypergradient: reverse
outer: {plugin: my_momentum, learning_rate: 0.001, iterations: 2}
YAML
"$hotool" pipeline run.yaml --quiet --out run
# The shipped momentum is the same formulas, so its hypergradient is the same to the bit.
"$hotool" hypergradient run.yaml --out mine
"$hotool" hypergradient run.yaml --set dynamics/plugin=momentum --out shipped
for name in dynamics.learning_rate dynamics.momentum; do
    cmp "mine/$name.npy" "shipped/$name.npy"
done
