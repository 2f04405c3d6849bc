#!/bin/sh
# Builds target/profiled/rowgate: a release build whose code lies as it runs (profile-guided optimization; "The
# rustc book" has a chapter of that name). An instrumented build runs bench/train.py, and the second build is
# arranged by what that has counted. A statement of a new shape takes a fifth less processor time than after
# `cargo build --release`; the build takes three times as long.
#
# Takes llvm-profdata of the compiler's own LLVM: `rustup component add llvm-tools`, or the package llvm-NN.
set -eu
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')
profdata=
for program in "$(rustc --print target-libdir)/../bin/llvm-profdata" \
    "/usr/lib/llvm-$llvm/bin/llvm-profdata" "$(command -v "llvm-profdata-$llvm" || true)"; do
    if [ -x "$program" ]; then
        profdata=$program
        break
    fi
done
if [ -z "$profdata" ]; then
    echo "llvm-profdata is missing: rustup component add llvm-tools, or install the package llvm-$llvm" >&2
    exit 1
fi

# What an earlier run has counted is of other code, and cargo does not see that a profile has changed.
rm -rf target/profiled
mkdir -p target/profiled
profiled=$PWD/target/profiled

# The parser has functions that nothing calls and that the linker has to drop before it looks for what they call.
RUSTFLAGS="-Cprofile-generate=$profiled/counts -Clink-arg=-Wl,--gc-sections" \
    cargo build --locked --release --bin rowgate --target "$host" --target-dir target/instrumented
ROWGATE=$PWD/target/instrumented/$host/release/rowgate python3 bench/train.py
"$profdata" merge --output="$profiled/rowgate.profdata" "$profiled/counts"

RUSTFLAGS="-Cprofile-use=$profiled/rowgate.profdata" \
    cargo build --locked --release --bin rowgate --target "$host" --target-dir target/profiled
cp "target/profiled/$host/release/rowgate" target/profiled/rowgate
target/profiled/rowgate --version
