/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The lines of rl_model_describe(), taken apart by volume. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct {
    bool there;
    char *kind;
    char *state;          /* with the word of a hold: "left kept" */
    char *size;           /* "size=65536" */
    char *clean;          /* "clean=3/65536" */
    char *dirty_tag;      /* "4", "torn"; NULL without a dirty image */
    char *dirty_size;     /* bytes */
    GPtrArray *revisions; /* the lines of its revisions, but of those that are the clean image */
    bool linked;          /* there is one that is */
} Look;

/* Volumes by name; owned by the caller. */
GHashTable *looks_read(const char *description);

/* How a volume looks that is in @looks, or not: borrowed. */
const Look *looks_find(GHashTable *looks, const char *volume);

bool look_equal(const Look *a, const Look *b);

/* For people; owned by the caller. */
char *look_to_string(const Look *look);

/* The number of the revision that @line is about; 0 if that is a named one. */
uint64_t look_revision_number(const char *line);
