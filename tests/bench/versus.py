# SPDX-License-Identifier: LGPL-2.1-or-later
"""versus.py RUN BUILD OTHER FILESYSTEMS OPTIONS JSON SECTION...: what tests/bench/run --vs does.

Each section is run by both builds, by turns; who is first changes. A row has the medians of both, and the median of
the ratios of neighbours: at most 1 is no slower. The section "hook" does that for each call by itself.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile

ROUNDS = 3


def measure(run, build, filesystem, options, sections, *more):
    """The rows of one run, by what they are."""
    with tempfile.NamedTemporaryFile(suffix=".json") as output:
        subprocess.run([run, "--fs", filesystem, *options, *more, "--json", output.name, *sections], check=True,
                       env={**os.environ, "BUILD_DIR": build}, stdout=subprocess.DEVNULL)
        rows = json.load(output)
    return {(row["fs"], row["section"], row["what"]): row["ours"] for row in rows if "ours" in row}


def main():
    run, build, other, filesystems, options, path = sys.argv[1:7]
    options = [option for option in options.split() if option != "--check"]
    results = []
    print("%-6s %-44s %-42s %10s %10s %7s" % ("", "", "", "this, ms", "--vs, ms", "ratio"))
    for section in sys.argv[7:]:
        for filesystem in filesystems.split():
            if section == "hook":
                hook = os.path.join(other, "stage/sbin/libvirt-reflink-hook")
                subprocess.run([run, "--fs", filesystem, *options, "--vs-hook", hook, section], check=True,
                               env={**os.environ, "BUILD_DIR": build})
                continue
            pairs = []
            for turn in range(ROUNDS):
                order = [0, 1] if turn % 2 == 0 else [1, 0]
                rows = {who: measure(run, (build, other)[who], filesystem, options, [section]) for who in order}
                pairs.append((rows[0], rows[1]))
            for key in pairs[0][0]:
                both = [(ours[key], theirs[key]) for ours, theirs in pairs if key in ours and key in theirs]
                if not both:
                    continue
                row = {"fs": key[0], "section": key[1], "what": key[2],
                       "this": statistics.median(ours for ours, _ in both),
                       "vs": statistics.median(theirs for _, theirs in both),
                       "ratio": statistics.median(ours / theirs if theirs else float(ours > 0) for ours, theirs in both)}
                results.append(row)
                print("%(fs)-6s %(section)-44.44s %(what)-42.42s %(this)10.3f %(vs)10.3f %(ratio)7.2f" % row, flush=True)
    if path:
        with open(path, "w", encoding="utf-8") as output:
            json.dump(results, output, indent=1)


main()
