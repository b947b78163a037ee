/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <stdio.h>

static int missed;

void
table_begin(const Bench *bench, const char *title, const char *ours, const char *floor)
{
    printf("\n%-44s %12s %12s %7s %6s\n", "", ours, floor, "ratio", "bar");
    printf("%s: %s\n", bench->fs, title);
    fflush(stdout);
}

static const char *
verdict(bool good)
{
    missed += !good;
    return good ? "ok" : "MISSED";
}

void
table_row(const char *what, const Times *ours, const Times *floor, double bar)
{
    double ratio = times_ratio(ours, floor);

    printf("  %-42s %9.3f ms %9.3f ms %7.2f", what, times_median(ours), times_median(floor), ratio);
    if (bar > NO_BAR)
        printf(" %6.2f %s", bar, verdict(ratio <= bar));
    printf("\n");
    fflush(stdout);
}

void
table_count(const char *what, long count, long wanted)
{
    printf("  %-42s %12ld %12ld %14s %s\n", what, count, wanted, "", verdict(count == wanted));
}

int
table_missed(void)
{
    return missed;
}
