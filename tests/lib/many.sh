# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154
# For tests with many files: to be sourced after lab.sh. What is compared is the number of system calls,
# and the processor's time of the daemon: with ten times as many files, at most thirty times as much.
# (The square would be a hundred.)

# files FROM TO FORMAT: empty ones with these numbers in their names.
files()
{
    perl -e 'for ($ARGV[0] .. $ARGV[1] - 1) {
        open(my $file, ">", sprintf($ARGV[2], $_)) or die "$!" }' "$@"
}

# The processor's time that the daemon has taken so far, in hundredths of a second.
daemon_time()
{
    awk '{ print $14 + $15 }' "/proc/$LIBVIRTD_PID/stat"
}

# system_calls COMMAND...: how many it makes, without the processes that it leaves behind.
system_calls()
{
    strace -c -U calls,name -o "$LAB/calls" "$@" >/dev/null
    awk '$2 == "total" { print $1 }' "$LAB/calls"
}

# not_worse WHAT FEW MANY [LEAST]: figures of ten times as many. FEW counts for LEAST, below which
# it says nothing.
not_worse()
{
    local few=$2

    echo "# $1: $2, with ten times as many $3"
    [ "$few" -ge "${4:-0}" ] || few=$4
    [ "$3" -le $((few * 30)) ] || die "$1 takes $3 and not $2"
}
