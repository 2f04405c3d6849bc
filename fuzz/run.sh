#!/bin/sh
# Looks for inputs that break what must hold for every input, with libFuzzer.
#   fuzz/run.sh SECONDS [TARGET …]    so long each target; all of them when none is named
# What it finds is written to fuzz/found, and ends the run. No nightly toolchain is needed: the
# coverage that libFuzzer asks for is a pass of LLVM's, which every rustc has.
set -eu
cd "$(dirname "$0")"

seconds=${1:?how many seconds each target}
shift
[ $# -gt 0 ] || set -- lexer planner frames policy configuration audit scram

host=$(rustc -vV | sed -n 's/^host: //p')
coverage="-Cpasses=sancov-module"
for option in -sanitizer-coverage-level=4 -sanitizer-coverage-inline-8bit-counters \
    -sanitizer-coverage-pc-table -sanitizer-coverage-trace-compares; do
    coverage="$coverage -Cllvm-args=$option"
done
# Two crates bring libpg_query; in these programs the linker takes the first it finds.
export RUSTFLAGS="$coverage -Ccodegen-units=1 -Clink-arg=-zmuldefs --cfg fuzzing"
# A target is named so that build scripts are not built for coverage.
cargo build --locked --release --target "$host"

for target in "$@"; do
    mkdir -p "found/$target"
    echo "== $target, $seconds s"
    "target/$host/release/$target" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 \
        -max_len=16384 -print_final_stats=1 -artifact_prefix="found/$target-" \
        "found/$target" "corpus/$target"
done
