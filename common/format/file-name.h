/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Names of the files that a volume is made of, and what a name found in a directory stands for. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

typedef enum {
    RL_FILE_OTHER,     /* nothing of ours */
    RL_FILE_CLEAN,     /* LEAF.img */
    RL_FILE_DIRTY,     /* LEAF-dirty.img */
    RL_FILE_PRECACHE,  /* LEAF-precache.img */
    RL_FILE_IMPORT,    /* LEAF-import.img: left by Qubes' driver */
    RL_FILE_RECORD,    /* LEAF.volume.xml */
    RL_FILE_REVISION,  /* LEAF.img.3@2018-01-02T05:06:07Z */
    RL_FILE_LABEL,     /* LEAF.img@before-upgrade */
    RL_FILE_TEMP,      /* any of them with ~ and six random hex digits behind it, of which
                          at least one is a letter and one is not */
    RL_FILE_PEER_TEMP, /* with ~ and eight random letters, digits and _: Qubes' driver's */
} RlFileRole;

typedef struct {
    RlFileRole role;
    char leaf[256];
    uint64_t number;   /* of RL_FILE_REVISION */
    const char *label; /* of RL_FILE_LABEL: points into the name that was parsed */
} RlFileName;

/**
 * rl_file_name_parse:
 * Says what the directory entry @name stands for. Names whose leaf no volume may have are
 * RL_FILE_OTHER.
 */
RlFileName rl_file_name_parse(const char *name);

/**
 * rl_file_name:
 * Returns the name of @leaf's file of that role (CLEAN, DIRTY, PRECACHE or RECORD), owned by the
 * caller.
 */
char *rl_file_name(const char *leaf, RlFileRole role);

/**
 * rl_file_name_revision:
 * Returns the name of @leaf's automatic revision @number, of that time (UTC), owned by the caller.
 */
char *rl_file_name_revision(const char *leaf, uint64_t number, time_t when);

/**
 * rl_file_name_label:
 * Returns the name of @leaf's revision @label, owned by the caller.
 */
char *rl_file_name_label(const char *leaf, const char *label);

/**
 * rl_file_name_temp:
 * Returns a new temporary name for @leaf, LEAF.img~ and six random hex digits, owned by the
 * caller. A date or a word is never one.
 */
char *rl_file_name_temp(const char *leaf);
