"""How many instructions a plan takes, by callgrind: a figure that does not depend on what else the
machine does. Fails when one is more than a quarter above the stored one.

    python3 bench/instructions.py [--store]

It counts in the unoptimised build, which the tests have made anyway. Another compiler counts
differently: `--store` writes the figures anew, and with them its version.
"""

import argparse
import json
import os
import re
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
STORED = os.path.join(ROOT, "bench", "instructions.json")
# How much more is a regression.
MARGIN = 1.25
# Each case, and how often it is run.
CASES = {
    "small 57 B, simple, hit": 100,
    "small 57 B, extended, hit, other literals": 100,
    "small 57 B, unrestricted, same text": 100,
    "small 57 B, simple, miss": 10,
    "medium 302 B, simple, hit, other literals": 50,
    "medium 302 B, extended, miss": 10,
    "large 1056 B, simple, hit": 20,
    "large 1056 B, simple, miss": 5,
}


def build():
    done = subprocess.run(["cargo", "build", "--locked", "--bench", "plan", "--message-format=json"],
                          cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True)
    for line in done.stdout.splitlines():
        message = json.loads(line)
        if message.get("reason") == "compiler-artifact" and message["target"]["name"] == "plan":
            return message["executable"]
    sys.exit("cargo built no program called plan")


def collected(program, case, count):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            ["valgrind", "--tool=callgrind", f"--callgrind-out-file={folder}/out", program,
             "--instructions", case, str(count)], text=True, capture_output=True, check=False)
    found = re.search(r"Collected : (\d+)", done.stderr)
    ran = done.stdout.count("bytes out")
    if done.returncode != 0 or found is None or ran != 1:
        sys.exit(f"`{case}` ran {ran} times:\n{done.stderr[-2000:]}")
    return int(found.group(1))


def instructions(program, case, count):
    """Per statement. The difference of two runs leaves out the start and the first statement."""
    return (collected(program, case, 2 * count) - collected(program, case, count)) // count


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", action="store_true", help="write the figures anew")
    options = parser.parse_args()
    program = build()
    compiler = subprocess.run(["rustc", "--version"], text=True, capture_output=True, check=True)
    compiler = compiler.stdout.split()[1]
    found = {case: instructions(program, case, count) for case, count in CASES.items()}
    if options.store:
        with open(STORED, "w", encoding="utf-8") as file:
            json.dump({"rustc": compiler, "instructions": found}, file, indent=2)
            file.write("\n")
    with open(STORED, encoding="utf-8") as file:
        stored = json.load(file)
    worse = []
    for case, count in found.items():
        before = stored["instructions"][case]
        print(f"{count:>12,} {count / before:>6.2f} of the stored  {case}")
        if count > before * MARGIN:
            worse.append(case)
    if worse:
        sys.exit(f"more than {MARGIN} of the stored instructions: {'; '.join(worse)}. The stored "
                 f"figures are of rustc {stored['rustc']}, this is {compiler}.")


if __name__ == "__main__":
    main()
