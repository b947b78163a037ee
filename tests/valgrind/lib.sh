# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# valgrind's memcheck for tests: to be sourced after lab.sh.

# memcheck PROGRAM [ARGUMENT...]: what it finds goes to $LAB/valgrind.PID.xml, for each process that is
# forked (but for those that run another program) as well. Reachable memory at the end is no leak.
memcheck=(
    valgrind --quiet --tool=memcheck --leak-check=full --show-leak-kinds=definite,indirect
    --num-callers=40 --keep-debuginfo=yes --error-limit=no --xml=yes
    "--suppressions=$SOURCE_DIR/tests/valgrind/suppressions"
)

# nothing_found [--all]: of ours; says how much there was to look at.
nothing_found()
{
    local sum

    sum=$(python3 "$SOURCE_DIR/tests/valgrind/judge" "$@" "$STAGE_DIR" "$LAB"/valgrind.*.xml) ||
        die "$sum"
    ok "$sum"
}
