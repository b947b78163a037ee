/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What the parts of the benchmark share. Everything here ends the program where a call fails: a
 * figure of something that did not work is none. */
#pragma once

#include "common/pool/pool.h"

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#define KIB ((uint64_t) 1024)
#define MIB (1024 * KIB)

typedef struct {
    const char *fs;  /* "xfs", "btrfs" or "ext4" */
    const char *dir; /* an empty directory there, for one section alone */
    bool quick;      /* fewer rounds */
    bool full;       /* larger pools and images */
    int volumes;     /* of the pool that is scanned */
    int extents;     /* of the fragmented image */
    const char *vs;  /* the hook of another build, or NULL */
} Bench;

/* --- measure.c: milliseconds, and how many fsync(2) the program did. */

typedef GArray Times;

Times *times_new(void);
void times_add(Times *times, double ms);
double times_median(const Times *times);
/* The median of the ratios of each turn to its neighbour: what else the machine does at the time
 * slows both. */
double times_ratio(const Times *ours, const Times *floor);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Times, g_array_unref)

typedef struct {
    double since_ms, in_fsync_ms;
    long fsyncs;
} Lap;

typedef struct {
    double ms;
    double outside_ms; /* of it, what was not spent in fsync(2) */
    long fsyncs;
} Took;

Lap lap_begin(void);
Took lap_end(const Lap *lap);

/* Two things are measured in turns, and who comes first changes: what one leaves for the other to
 * pay evens out. */
typedef void (*Turn)(void *data);
void take_turns(int rounds, Turn a, void *a_data, Turn b, void *b_data);

/* --- table.c: what came out, and the bars that were missed. */

#define NO_BAR 0.0

void table_begin(const Bench *bench, const char *title, const char *ours, const char *floor);
/* One line: @ours against @floor, which it may exceed by the factor @bar. */
void table_row(const char *what, const Times *ours, const Times *floor, double bar);
/* One line of counts, which are to be equal. */
void table_count(const char *what, long count, long wanted);
int table_missed(void);

/* --- files.c */

#define must(call) must_not_fail((call) < 0, #call)

void must_not_fail(bool failed, const char *call);
int open_dir(const char *path);
void write_block(int dir, const char *name);
void set_old(int dir, const char *name);
void fill_image(int fd, uint64_t size, int extents);
int count_extents(int fd);
/* What was written to the file system of @fd is on disk. */
void flush(int fd);
/* The same, and it has nothing left to do for what was done before. */
void settle(int fd);
RlPool *make_pool(const Bench *bench);
void make_volume(const RlPool *pool, const char *name, uint64_t size, int extents);

/* --- The sections. */

void bench_cycle(const Bench *bench);
void bench_unwritten(const Bench *bench);
void bench_many(const Bench *bench);
void bench_extents(const Bench *bench);
void bench_worker(const Bench *bench);
void bench_scan(const Bench *bench);
void bench_scan_curve(const Bench *bench);
void bench_curves(const Bench *bench);
void bench_copy(const Bench *bench);
void bench_hook(const Bench *bench);
void bench_data(const Bench *bench);
