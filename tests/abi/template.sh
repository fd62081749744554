#!/bin/sh
# A stranger's way: install hotool, copy the template out of the installed SDK, build it there, and use it in a pipeline.
# HOTOOL_BIN is the program of the build to install. What is printed says what went wrong.
set -eu

build=$(dirname "$(dirname "$HOTOOL_BIN")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

meson install -C "$build" --no-rebuild --destdir "$work/system" >"$work/install.log" 2>&1 || { cat "$work/install.log"; exit 1; }
hotool=$(find "$work/system" -path '*/bin/hotool')
cp -r "$(find "$work/system" -path '*/hotool/template')" "$work/mine"
cd "$work/mine"

PKG_CONFIG_SYSROOT_DIR=$work/system
PKG_CONFIG_PATH=$(dirname "$(find "$work/system" -name hotool-sdk.pc)")
export PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH
make CFLAGS='-O1 -Werror -Wpedantic'

unset PKG_CONFIG_SYSROOT_DIR PKG_CONFIG_PATH
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
