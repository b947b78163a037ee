# SPDX-License-Identifier: LGPL-2.1-or-later
"""table.py FILE: hands the benchmark's tables on, and writes their rows to FILE, as JSON.
table.py --join DIRECTORY: prints the rows of all such files in DIRECTORY.

A row: fs, section (the title of its table), what, ours and other in ms, ratio, bar (null: none), met. Text is read
and not the program's numbers, so that the benchmark of any other build can be read as well.
"""

import glob
import json
import os
import re
import sys

TITLE = re.compile(r"^([A-Za-z0-9]+): (.*)$")
ROW = re.compile(r"^  (.{42}) +([0-9.]+) ms +([0-9.]+) ms +([0-9.]+)(?: +([0-9.]+) (ok|MISSED))?$")
COUNT = re.compile(r"^  (.{42}) +([0-9]+) +([0-9]+) +(ok|MISSED)$")


def read(lines):
    rows, fs, section = [], None, None
    for line in lines:
        print(line, end="", flush=True)
        title, row, count = (pattern.match(line.rstrip("\n")) for pattern in (TITLE, ROW, COUNT))
        if title:
            fs, section = title.groups()
        elif row:
            what, ours, other, ratio, bar, verdict = row.groups()
            rows.append({"fs": fs, "section": section, "what": what.strip(), "ours": float(ours),
                         "other": float(other), "ratio": float(ratio), "bar": float(bar) if bar else None,
                         "met": verdict != "MISSED"})
        elif count:
            what, ours, other, verdict = count.groups()
            rows.append({"fs": fs, "section": section, "what": what.strip(), "count": int(ours), "wanted": int(other),
                         "met": verdict != "MISSED"})
    return rows


def join(directory):
    rows = []
    for path in sorted(glob.glob(os.path.join(directory, "*.json"))):
        with open(path, encoding="utf-8") as file:
            rows += json.load(file)
    json.dump(rows, sys.stdout, indent=1)
    print()


if sys.argv[1] == "--join":
    join(sys.argv[2])
else:
    found = read(sys.stdin)
    with open(sys.argv[1], "w", encoding="utf-8") as output:
        json.dump(found, output, indent=1)
