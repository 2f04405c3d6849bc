"""Holds the dependencies in Cargo.lock against deny.toml: licences, sources, banned crates, versions
that nobody named. It covers what `cargo deny check licenses bans sources` would, without compiling it.
"""

import json
import re
import subprocess
import sys

try:
    import tomllib
except ImportError:  # Python 3.10
    import tomli as tomllib

TARGETS = ["x86_64-unknown-linux-gnu", "aarch64-unknown-linux-gnu"]


def metadata(target):
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    return json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def permitted(expression, allowed):
    """Whether an SPDX expression can be met with the allowed licences."""
    # Old crates write `MIT/Apache-2.0`.
    tokens = re.findall(r"\(|\)|[^\s()]+", expression.replace("/", " OR "))
    merged = []
    for token in tokens:
        if len(merged) >= 2 and merged[-1] == "WITH":
            merged[-2:] = [f"{merged[-2]} WITH {token}"]
        else:
            merged.append(token)

    def either(position):
        result, position = both(position)
        while position < len(merged) and merged[position] == "OR":
            right, position = both(position + 1)
            result = result or right
        return result, position

    def both(position):
        result, position = one(position)
        while position < len(merged) and merged[position] == "AND":
            right, position = one(position + 1)
            result = result and right
        return result, position

    def one(position):
        if merged[position] == "(":
            result, position = either(position + 1)
            return result, position + 1
        return merged[position] in allowed, position + 1

    result, end = either(0)
    if end != len(merged):
        raise ValueError(f"cannot read the licence expression {expression!r}")
    return result


def main():
    with open("deny.toml", "rb") as file:
        policy = tomllib.load(file)
    allowed = set(policy["licenses"]["allow"])
    exceptions = {entry["crate"]: set(entry["allow"]) for entry in policy["licenses"].get("exceptions", [])}
    banned = {entry["name"] for entry in policy["bans"]["deny"]}
    findings, versions = set(), {}
    for target in TARGETS:
        described = metadata(target)
        used = {node["id"] for node in described["resolve"]["nodes"]}
        for package in described["packages"]:
            if package["id"] not in used:
                continue
            name = f"{package['name']} {package['version']}"
            versions.setdefault(package["name"], set()).add(package["version"])
            if package["name"] in banned:
                findings.add(f"{name} is banned")
            if not package["license"]:
                findings.add(f"{name} names no licence")
            elif not permitted(package["license"], allowed | exceptions.get(package["name"], set())):
                findings.add(f"{name} has the licence {package['license']}, which deny.toml does not allow")
            source = package["source"]
            if source is not None and not source.startswith(("registry+", "sparse+")):
                findings.add(f"{name} does not come from a registry")
            if source is None:
                for dependency in package["dependencies"]:
                    if dependency["req"] == "*" and dependency.get("path") is None:
                        findings.add(f"{name} takes any version of {dependency['name']}")
    for name, found in sorted(versions.items()):
        if len(found) > 1:
            print(f"note: {name} in {len(found)} versions: {', '.join(sorted(found))}")
    for finding in sorted(findings):
        print(f"error: {finding}")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
