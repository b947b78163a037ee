# SPDX-License-Identifier: LGPL-2.1-or-later
"""plot.py JSON SVG: draws what `tests/bench/run --json JSON curves` measured, with gnuplot.

Milliseconds against extents, volumes and bytes written, for XFS and btrfs; both axes are logarithmic.
"""

import json
import re
import subprocess
import sys

# Section, its axis, and the lines: what a row begins or ends with, which of its figures, and the legend.
PARTS = [
    ("curve of extents", "extents of the image (4 KiB written)",
     [("start at", "ours", "start"), ("stop at", "ours", "stop"), ("worker at", "ours", "worker, nobody waits"),
      ("stop at", "other", "a bare FICLONE")]),
    ("curve of volumes", "volumes of the pool",
     [("", "ours", "scan"), ("", "other", "readdir and statx")]),
    ("curve of bytes", "bytes written in the run",
     [("start at", "ours", "start"), ("stop at", "ours", "stop"), ("worker at", "ours", "worker, nobody waits"),
      ("stop at", "other", "a bare fsync")]),
]


def points(rows, fs, section, prefix, figure):
    for row in rows:
        if row["fs"] == fs and row["section"].startswith(section) and row["what"].startswith(prefix):
            yield int(re.search(r"\d+", row["what"]).group()), row[figure]


def smaller(text):
    """Half of what gnuplot writes is empty groups."""
    text = re.sub(r"<defs>.*?</defs>\n", "", text, flags=re.S)
    text = re.sub(r"[ \t]*\n\s*", "\n", text)
    before = None
    while before != text:
        before = text
        text = re.sub(r"<g [^>]*>\s*</g>\n", "", text)
    return re.sub(r' (stroke-linecap="butt"|stroke-linejoin="miter"|class="gridline")', "", text)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = json.load(file)
    script = ["set terminal svg size 900,900 noenhanced font 'sans-serif,12'", "set output '%s'" % sys.argv[2],
              "set multiplot layout 3,2", "set logscale xy", "set key left top samplen 2 Left reverse", "set grid",
              "set format y '%g'", "set format x '%g'", "set yrange [0.01:10000]", "set tics nomirror",
              "set mxtics 1", "set mytics 1", "set xtics 10", "set ytics 0.01,100"]
    for section, axis, lines in PARTS:
        for fs, name in ("xfs", "XFS"), ("btrfs", "btrfs"):
            script += ["set title '%s, ms'" % name, "set xlabel '%s'" % axis]
            data, plots = [], []
            for index, (prefix, figure, legend) in enumerate(lines):
                data += ["%d %g" % point for point in points(rows, fs, section, prefix, figure)] + ["e"]
                plots.append("'-' title '%s' with lines linecolor %s"
                             % (legend, "rgb 'black'" if figure == "other" else index + 1))
            script += ["plot " + ", ".join(plots)] + data
    script.append("unset multiplot")
    subprocess.run(["gnuplot"], input="\n".join(script) + "\n", text=True, check=True)
    with open(sys.argv[2], encoding="utf-8") as file:
        text = file.read()
    with open(sys.argv[2], "w", encoding="utf-8") as file:
        file.write(smaller(text))


main()
