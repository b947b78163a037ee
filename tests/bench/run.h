/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* One run of a domain on a volume, as the engine does it and as bare system calls do. */
#pragma once

#include "bench.h"

/* How much of what the engine does the bare calls do. */
typedef enum {
    CALLS_SAME,  /* all calls that change something, in the engine's order */
    CALLS_LEAST, /* what the file system needs: no attributes, no second fsync of the image */
} Calls;

/* What runs cost. */
typedef struct {
    Times *start, *stop, *both;
    Times *outside;                 /* of both, what was not spent in fsync(2) */
    Times *after;                   /* what the worker does after the stop */
    long start_fsyncs, stop_fsyncs; /* of the last run */
} Cost;

Cost cost_new(void);
void cost_add(Cost *cost, Took start, Took stop);
void cost_clear(Cost *cost);

/* A volume under the engine. */
typedef struct {
    const RlPool *pool;
    const char *name;
    bool write;  /* one block is written while it runs */
    bool settle; /* first lets the file system finish what it was given before */
    Cost cost;
} EngineRun;

/* The same files in the directory @path, without the engine. */
typedef struct {
    char *path;
    Calls calls;
    bool write;
    int revision; /* the newest */
    Cost cost;
} BareRun;

/* Turns: start, write, stop, worker. */
void engine_run(void *data);
void bare_run(void *data);
/* The parts of a run. */
Took engine_start(const EngineRun *run);
Took engine_stop(const EngineRun *run);
/* What the worker does after it; adds to the cost of that. */
void engine_maintain(const EngineRun *run);
void bare_start(const BareRun *run);
void bare_stop(BareRun *run);

/* Makes the directory @name and in it what a bare run starts with. */
BareRun bare_new(const Bench *bench, const char *name, Calls calls, bool write);
void bare_clear(BareRun *run);
