/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench.h"

#include <time.h>
#include <unistd.h>

static long fsyncs;
static double in_fsync_ms;

/* The linker leads every fsync(2) of the engine and of the benchmark through here. */
int real_fsync(int fd) __asm__("__real_fsync");
int counting_fsync(int fd) __asm__("__wrap_fsync");

static double
now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double) now.tv_sec * 1e3 + (double) now.tv_nsec / 1e6;
}

int
counting_fsync(int fd)
{
    double since_ms = now_ms();
    int rc = real_fsync(fd);

    fsyncs++;
    in_fsync_ms += now_ms() - since_ms;
    return rc;
}

Times *
times_new(void)
{
    return g_array_new(FALSE, FALSE, sizeof(double));
}

void
times_add(Times *times, double ms)
{
    g_array_append_val(times, ms);
}

static gint
compare(gconstpointer a, gconstpointer b)
{
    double x = *(const double *) a, y = *(const double *) b;

    return (x > y) - (x < y);
}

double
times_median(const Times *times)
{
    g_autoptr(Times) sorted = g_array_copy((Times *) times);

    g_assert_cmpuint(sorted->len, >, 0);
    g_array_sort(sorted, compare);
    return (g_array_index(sorted, double, (sorted->len - 1) / 2) +
            g_array_index(sorted, double, sorted->len / 2)) /
           2;
}

double
times_ratio(const Times *ours, const Times *floor)
{
    g_autoptr(Times) ratios = times_new();

    if (ours->len != floor->len)
        return times_median(ours) / times_median(floor);
    for (guint i = 0; i < ours->len; i++)
        times_add(ratios, g_array_index(ours, double, i) / g_array_index(floor, double, i));
    return times_median(ratios);
}

Lap
lap_begin(void)
{
    return (Lap){now_ms(), in_fsync_ms, fsyncs};
}

Took
lap_end(const Lap *lap)
{
    double ms = now_ms() - lap->since_ms;

    return (Took){ms, ms - (in_fsync_ms - lap->in_fsync_ms), fsyncs - lap->fsyncs};
}

void
take_turns(int rounds, Turn a, void *a_data, Turn b, void *b_data)
{
    for (int i = 0; i < rounds; i++) {
        if (i % 2 == 0)
            a(a_data);
        b(b_data);
        if (i % 2 == 1)
            a(a_data);
    }
}
