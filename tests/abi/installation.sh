# Sourced by scripts that try what an installation alone can do: installs the build of HOTOOL_BIN, moves it, and lets it
# be found through PATH and pkg-config only. Its prefix is "$work/$moved", with a blank in it if the script does not say
# otherwise; the current folder is an empty one.
set -eu

tests=$(cd "$(dirname "$0")" && pwd)
build=$(dirname "$(dirname "$HOTOOL_BIN")")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset HOTOOL_PLUGIN_PATH

meson install -C "$build" --no-rebuild --destdir "$work/system" >"$work/log" 2>&1 || { cat "$work/log"; exit 1; }
mv "$(dirname "$(dirname "$(find "$work/system" -path '*/bin/hotool')")")" "$work/${moved=moved here}"
PATH="$work/$moved/bin:$PATH"
PKG_CONFIG_PATH=$(dirname "$(find "$work/$moved" -name hotool-sdk.pc)")
export PATH PKG_CONFIG_PATH
mkdir "$work/new"
cd "$work/new"

# try WHAT COMMAND...: runs it in silence.
try() {
    what=$1
    shift
    "$@" >"$work/log" 2>&1 || { echo "$what:"; cat "$work/log"; exit 1; }
}
