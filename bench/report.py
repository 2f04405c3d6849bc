"""Runs all measurements, one after the other, and writes one report: bench/out/report.md.

BENCH_QUICK=1 takes a few minutes and shows that everything works; its figures say little.

    python3 bench/report.py
"""

import glob
import os
import re
import subprocess
import sys
import time

import stage

HERE = os.path.join(stage.ROOT, "bench")
# Each measurement with its usual options, and with those of a quick run.
MEASUREMENTS = {
    "parse": ([], ["--rounds", "2", "--statements", "50"]),
    "rewritten": ([], ["--rounds", "3", "--rows", "50000"]),
    "compare": ([], ["--rounds", "1", "--seconds", "1", "--clients", "1,16"]),
    "latency": ([], ["--rounds", "2", "--seconds", "1"]),
    "idle": ([], ["--connections", "500", "--logins", "100", "--rounds", "2"]),
    "bulk": ([], ["--megabytes", "100", "--rounds", "2"]),
    "growth": ([], ["--rounds", "2", "--most", "100"]),
}


def plan_program():
    """The newest build of plan.rs; None without one."""
    folder = os.path.join(stage.BUILT, "deps")
    found = [path for path in glob.glob(os.path.join(folder, "plan-*")) if os.access(path, os.X_OK)]
    return max(found, key=os.path.getmtime, default=None)


def plans():
    """The table of plan.rs."""
    program = plan_program()
    if program is None:
        return "Not measured: there is no build of plan.rs."
    return subprocess.run([program], text=True, capture_output=True, check=True).stdout


def measured(name, options):
    """The report of one measurement, its headings one level down."""
    path = os.path.join(stage.OUT, f"{name}.md")
    if os.path.exists(path):
        os.remove(path)
    done = subprocess.run([sys.executable, os.path.join(HERE, f"{name}.py"), *options],
                          text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0 or not os.path.exists(path):
        print(done.stderr, file=sys.stderr)
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        return f"## {name}\n\nNot measured: {last}\n", False
    with open(path, encoding="utf-8") as file:
        return re.sub(r"^#", "##", file.read(), flags=re.M), True


def main():
    quick = bool(os.environ.get("BENCH_QUICK"))
    start, whole = time.monotonic(), True
    parts = ["# Figures", "", stage.machine() + ".", "",
             *(f"- {version}" for version in stage.versions()), "",
             "How each number is taken, and what it says, is in bench/README.md. Rounds go through all "
             "contenders in turn; cells are medians, with the lowest and the highest in brackets." +
             (" **A quick run: too short to compare anything.**" if quick else ""), "",
             "## Plans in process", "", plans()]
    for name, (usual, short) in MEASUREMENTS.items():
        print(f"{name} …", file=sys.stderr)
        text, good = measured(name, short if quick else usual)
        parts += ["", text]
        whole = whole and good
    parts.append(f"\nTaken in {(time.monotonic() - start) / 60:.0f} minutes.")
    stage.write_report("report.md", "\n".join(parts) + "\n")
    if not whole:
        sys.exit("not everything was measured")


if __name__ == "__main__":
    main()
