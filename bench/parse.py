"""What PostgreSQL itself takes to read the statements of plan.rs: its own figures of the parser, and of parse analysis
and rewriting, for texts that it sees for the first time. Beside them, what rowgate takes for a new shape.

    python3 bench/parse.py [--rounds 5] [--statements 200]
"""

import argparse
import os
import re
import subprocess
import sys

import report
import stage
from stage import Stage, median, spread

# The tables of bench/world.rs.
TABLES = """
CREATE SCHEMA crm;
CREATE TABLE crm.account (id int PRIMARY KEY, name text, phone text, status text, industry text, region text,
    owner_id int, department_id int, amount numeric, created_at timestamptz);
CREATE TABLE crm.contact (id int PRIMARY KEY, account_id int, owner_id int, name text, email text,
    is_primary boolean);
CREATE TABLE crm.opportunity (id int PRIMARY KEY, account_id int, owner_id int, name text, stage text,
    amount numeric, close_date date);
ANALYZE;
"""
SETTINGS = """
SET log_min_messages = 'fatal';
SET client_min_messages = 'log';
SET log_parser_stats = on;
"""
FIGURE = re.compile(r"LOG:  ([A-Z ]+) STATISTICS.*?([\d.]+) s elapsed", re.S)


def texts():
    """The three statements, by size."""
    done = subprocess.run([report.plan_program(), "--texts"], text=True, capture_output=True, check=True)
    return dict(line.split("\t", 1) for line in done.stdout.splitlines())


def server(on, text, count, first):
    """Microseconds of the parser and of analysis and rewriting, for each of so many new texts."""
    asked = [text.replace("n00000", f"n{first + number:05}") for number in range(count)]
    done = subprocess.run(
        [os.path.join(on.bin, "psql"), "-XAtq", "-v", "ON_ERROR_STOP=1", "-f", "-"],
        input=SETTINGS + ";\n".join(asked) + ";\n", text=True, capture_output=True,
        env=on.environment(), cwd="/", check=False)
    if done.returncode != 0:
        sys.exit(f"psql failed:\n{done.stderr[-2000:]}")
    taken = {"parser": [], "analysis": []}
    both = 0.0
    for step, seconds in FIGURE.findall(done.stderr):
        if step == "PARSER":
            taken["parser"].append(float(seconds) * 1e6)
        elif step == "PARSE ANALYSIS":
            both = float(seconds) * 1e6
        elif step == "REWRITER":
            taken["analysis"].append(both + float(seconds) * 1e6)
    # The last ones: the first find nothing in the server's caches.
    return {step: median(figures[-count // 2:]) for step, figures in taken.items()}


def gateway():
    """Microseconds of a new shape, by size, and of one that was found."""
    done = subprocess.run([report.plan_program()], text=True, capture_output=True, check=True)
    found = re.findall(r"^\| (\w+) \d+ B, simple, (hit|miss) \| ([\d.]+) ", done.stdout, re.M)
    return {(size, kind): float(figure) for size, kind, figure in found}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--statements", type=int, default=200)
    options = parser.parse_args()
    description = stage.machine()
    theirs, ours = {}, {}
    with Stage() as on:
        on.psql(TABLES)
        asked = texts()
        for number in range(options.rounds):
            for (size, kind), figure in gateway().items():
                ours.setdefault((size, kind), []).append(figure)
            for size, text in asked.items():
                for step, figure in server(on, text, options.statements, number * options.statements).items():
                    theirs.setdefault((size, step), []).append(figure)
    lines = [
        "# Statements of a new shape, beside what PostgreSQL takes to read them", "",
        f"{description}. Rounds: {options.rounds}, {options.statements} statements each. Microseconds; medians "
        "(lowest–highest).", "",
        "| statement | PostgreSQL: parser | PostgreSQL: analysis and rewriting | rowgate, found | rowgate, new "
        "| new beyond found | beyond PostgreSQL's parser | beyond all of PostgreSQL's reading |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for size, text in asked.items():
        parsed, analysed = theirs[size, "parser"], theirs[size, "analysis"]
        found, new = ours[size, "hit"], ours[size, "miss"]
        more = [b - a for a, b in zip(found, new)]
        beyond = [m - p for m, p in zip(more, parsed)]
        all_beyond = [b - a for b, a in zip(beyond, analysed)]
        cells = [spread(figures, "{:.1f}")
                 for figures in (parsed, analysed, found, new, more, beyond, all_beyond)]
        lines.append(f"| {size}, {len(text)} B | " + " | ".join(cells) + " |")
    stage.write_report("parse.md", "\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
