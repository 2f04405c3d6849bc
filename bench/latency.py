"""How long a lone client waits for a row: medians of single statements, through PgBouncer, through rowgate and directly.

pgbench -S with one client logs every transaction. What a proxy adds is its median minus the direct one's of the same round.

    python3 bench/latency.py [--rounds 7] [--seconds 2] [--modes simple,extended,prepared] [--durability write]
"""

import argparse
import glob
import os
import subprocess
import sys
import tempfile

import compare
import stage
from stage import Stage, median, spread

# More server connections than one client needs.
SIZE = 4
# Of these times, in percent. The slowest hundredth is the machine's more than the proxy's.
SHARES = (50, 90)


def waited(on, contender, mode, seconds):
    """Microseconds that so many percent of the statements took at most, by percent."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(
            [os.path.join(on.bin, "pgbench"), "-n", "-S", "-M", mode, "-c", "1", "-T", str(seconds),
             "-s", str(compare.SCALE), "-l", "--log-prefix", os.path.join(folder, "log")],
            env=on.environment(port=contender.port, user=contender.user, database="bench"),
            text=True, capture_output=True, check=False, cwd="/")
        if done.returncode != 0:
            sys.exit(f"pgbench failed against {contender.name} ({mode}):\n{done.stderr}")
        # The third field is the time that the transaction took.
        times = sorted(int(line.split()[2]) for name in glob.glob(os.path.join(folder, "log*"))
                       for line in open(name, encoding="ascii"))
    if not times:
        sys.exit(f"no transaction finished against {contender.name} ({mode})")
    return {share: times[len(times) * share // 100] for share in SHARES}


def contenders_of(on, durability):
    contenders = [compare.Contender(compare.DIRECT, on.port, "app")]
    bouncer = on.start_bouncer("transaction", "app", SIZE)
    if bouncer is None:
        sys.exit("PgBouncer is not there")
    contenders.append(compare.Contender("pgbouncer", bouncer[0], "app", bouncer[1]))
    for name, listen in (("rowgate restricted", ""),
                         (f"rowgate restricted, {compare.BUSY}", f'busy_poll = "{compare.PATIENCE}"\n')):
        port, pid, _ = on.start_rowgate("bench", compare.POLICY, compare.directory(), durability, SIZE, "alice",
                                        "transaction", listen=listen)
        contenders.append(compare.Contender(name, port, "alice", pid))
    return contenders


def measure(on, contenders, modes, options):
    """For each mode and contender a list of rounds."""
    results = {}
    for mode in modes:
        for each in contenders:
            waited(on, each, mode, 1)
        for number in range(options.rounds):
            # Every other round runs backwards, so that nobody always follows the same one.
            for each in contenders if number % 2 == 0 else reversed(contenders):
                results.setdefault((mode, each.name), []).append(waited(on, each, mode, options.seconds))
        print(f"{mode}: done", file=sys.stderr)
    return results


def report(results, contenders, modes, options, description):
    lines = [
        "# How long a lone client waits", "",
        f"{description}. Rounds: {options.rounds} of {options.seconds} s, contenders in turn; both pool by transaction. "
        f"Audit durability: {options.durability}. Microseconds; medians over the rounds (lowest–highest).", "",
        "| protocol | contender | half of the statements took at most | nine tenths | added to the half | added by PgBouncer = 1 |",
        "|---|---|---|---|---|---|",
    ]
    for mode in modes:
        rounds = {each.name: [result[50] for result in results[mode, each.name]] for each in contenders}
        added = {name: [mine - direct for mine, direct in zip(times, rounds[compare.DIRECT])]
                 for name, times in rounds.items()}
        bouncer = median(added["pgbouncer"])
        for each in contenders:
            most = spread([result[90] for result in results[mode, each.name]], "{:.0f}")
            more, ratio = spread(added[each.name], "{:.0f}"), f"{median(added[each.name]) / bouncer:.2f}"
            if each.name == compare.DIRECT or bouncer <= 0:
                ratio = "–"
            lines.append(f"| {mode} | {each.name} | {spread(rounds[each.name], '{:.0f}')} | {most} | {more} | {ratio} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--modes", default="simple,extended,prepared")
    parser.add_argument("--durability", default="write", help="of rowgate's audit log")
    options = parser.parse_args()
    modes = options.modes.split(",")
    description = stage.machine()
    with Stage() as on:
        compare.fill(on)
        contenders = contenders_of(on, options.durability)
        compare.check_policy(on, contenders)
        results = measure(on, contenders, modes, options)
    stage.write_report("latency.md", report(results, contenders, modes, options, description))


if __name__ == "__main__":
    main()
