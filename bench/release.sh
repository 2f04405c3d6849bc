#!/bin/sh
# Builds target/profiled/rowgate: a release build whose code lies as it runs (profile-guided optimization; "The
# rustc book" has a chapter of that name). An instrumented build runs bench/train.py, and the second build is
# arranged by what that has counted. Where there is BOLT, the finished program is counted once more and its code
# is put into the order in which it runs, which takes a tenth off a statement of a new shape. That one takes a
# fifth less processor time in all than after `cargo build --release`; the build takes four times as long.
#
# Takes llvm-profdata of the compiler's own LLVM: `rustup component add llvm-tools`, or the package llvm-NN.
# BOLT is in the packages bolt-NN and libbolt-NN-dev; any not much older version does.
set -eu
cd "$(dirname "$0")/.."

host=$(rustc -vV | sed -n 's/^host: //p')
llvm=$(rustc -vV | sed -n 's/^LLVM version: \([0-9]*\).*/\1/p')

# The first of these programs that is there.
first() {
    for program in "$@"; do
        if [ -x "$program" ]; then
            echo "$program"
            return
        fi
    done
}

profdata=$(first "$(rustc --print target-libdir)/../bin/llvm-profdata" \
    "/usr/lib/llvm-$llvm/bin/llvm-profdata" "$(command -v "llvm-profdata-$llvm" || true)")
if [ -z "$profdata" ]; then
    echo "llvm-profdata is missing: rustup component add llvm-tools, or install the package llvm-$llvm" >&2
    exit 1
fi
bolt=$(first "/usr/lib/llvm-$llvm/bin/llvm-bolt" "$(command -v "llvm-bolt-$llvm" || true)" "$(command -v llvm-bolt || true)")
merge=$(first "/usr/lib/llvm-$llvm/bin/merge-fdata" "$(command -v "merge-fdata-$llvm" || true)" \
    "$(command -v merge-fdata || true)")

arrange() {
    if ! "$bolt" "$@" >>"$profiled/bolt.log" 2>&1; then
        tail -n 5 "$profiled/bolt.log" >&2
        exit 1
    fi
}

# What an earlier run has counted is of other code, and cargo does not see that a profile has changed.
rm -rf target/profiled
mkdir -p target/profiled
profiled=$PWD/target/profiled

# The parser has functions that nothing calls and that the linker has to drop before it looks for what they call.
RUSTFLAGS="-Cprofile-generate=$profiled/counts -Clink-arg=-Wl,--gc-sections" \
    cargo build --locked --release --bin rowgate --target "$host" --target-dir target/instrumented
ROWGATE=$PWD/target/instrumented/$host/release/rowgate python3 bench/train.py
"$profdata" merge --output="$profiled/rowgate.profdata" "$profiled/counts"

# BOLT moves code, and has to know what refers to it.
RUSTFLAGS="-Cprofile-use=$profiled/rowgate.profdata${bolt:+ -Clink-arg=-Wl,--emit-relocs}" \
    cargo build --locked --release --bin rowgate --target "$host" --target-dir target/profiled
built=target/profiled/$host/release/rowgate

if [ -n "$bolt" ] && [ -n "$merge" ]; then
    arrange "$built" -o "$profiled/counting" -instrument --instrumentation-file="$profiled/moves" \
        --instrumentation-file-append-pid
    ROWGATE=$profiled/counting python3 bench/train.py
    "$merge" "$profiled"/moves.*.fdata >"$profiled/moves" 2>>"$profiled/bolt.log"
    arrange "$built" -o "$profiled/rowgate" -data="$profiled/moves" -reorder-blocks=ext-tsp \
        -reorder-functions=cdsort -split-functions -split-all-cold -split-eh -icf=1 -use-gnu-stack
    rm "$profiled/counting" "$profiled"/moves*
else
    echo "BOLT is missing, the code lies as the linker put it: packages bolt-$llvm and libbolt-$llvm-dev" >&2
    cp "$built" "$profiled/rowgate"
fi
target/profiled/rowgate --version
