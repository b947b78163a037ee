/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "progress-bar.h"

#include <stdio.h>
#include <unistd.h>

#include "table.h"

#define FIRST_US G_USEC_PER_SEC
#define EVERY_US (G_USEC_PER_SEC / 4)
#define WIDTH 30

/* "0:01:23" */
static char *
format_duration(gint64 us)
{
    gint64 seconds = us / G_USEC_PER_SEC;

    return g_strdup_printf("%" G_GINT64_FORMAT ":%02d:%02d", seconds / 3600,
                           (int) (seconds / 60 % 60), (int) (seconds % 60));
}

static void
show(const RlProgressBar *bar, uint64_t at, uint64_t size, uint64_t moved)
{
    double part = size ? MIN((double) at / (double) size, 1.0) : 1.0;
    double passed_us = (double) (bar->shown_us - bar->began_us);
    g_autofree char *left = format_duration((gint64) (passed_us * (1 - part) / MAX(part, 0.001)));
    g_autofree char *amount = rl_table_size(moved);
    g_autofree char *rate =
        rl_table_size((uint64_t) ((double) moved * G_USEC_PER_SEC / MAX(passed_us, 1)));
    char marks[WIDTH + 1];

    for (int i = 0; i < WIDTH; i++)
        marks[i] = i < (int) (part * WIDTH) ? '#' : '-';
    marks[WIDTH] = '\0';
    fprintf(stderr, "\r%3d%% [%s] %s, %s/s, %s left\033[K", (int) (part * 100), marks, amount, rate,
            left);
}

static void
report(uint64_t at, uint64_t size, uint64_t moved, void *data)
{
    RlProgressBar *bar = data;
    gint64 now_us = g_get_monotonic_time();

    if (bar->began_us == 0 || at < bar->at)
        bar->began_us = now_us;
    bar->at = at;
    if (now_us - bar->began_us < FIRST_US || now_us - bar->shown_us < EVERY_US)
        return;
    bar->shown = true;
    bar->shown_us = now_us;
    show(bar, at, size, moved);
}

RlProgress
rl_progress_bar_begin(RlProgressBar *bar, const RlCall *call)
{
    bool has_document = call->json && call->command->flags & RL_COMMAND_STREAM;

    *bar = (RlProgressBar){.wanted = !call->quiet && !has_document && isatty(STDERR_FILENO)};
    return (RlProgress){.report = bar->wanted ? report : NULL, .data = bar};
}

void
rl_progress_bar_end(RlProgressBar *bar)
{
    if (bar->shown)
        fputs("\r\033[K", stderr);
    bar->shown = false;
}
