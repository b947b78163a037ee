/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The recording: all that was done to a disk that was empty at first, in the order in which it was
 * done, and between that what was meant by it. */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef enum {
    RECORD_WRITE,
    RECORD_ZERO,  /* a discard, or a write of nothing but zeros: no data follow */
    RECORD_FLUSH, /* what was written before is on the disk for good */
    RECORD_MARK,  /* text of whoever works on the disk */
} RecordType;

/* As it lies in the file, with @length bytes of data behind it if it is a write or a mark. */
typedef struct {
    uint64_t type;
    uint64_t offset;
    uint64_t length;
} RecordHead;

/* Appends to @file, opened with O_APPEND, in one piece: several processes may do so. Ends the test
 * where that fails. */
void record_append(int file, RecordType type, uint64_t offset, uint64_t length, const void *data);

typedef struct {
    RecordType type;
    uint64_t offset;
    uint64_t length;
    const char *data; /* in the recording's bytes; NULL where there are none */
} RecordEntry;

/* What was written between two flushes: after a power cut any part of it may be on the disk. Its
 * number is its place in the recording. */
typedef struct {
    guint first, end; /* entries, without the flushes */
    GArray *writes;   /* of guint: those of them that change the disk */
} RecordEpoch;

typedef struct {
    GMappedFile *file;
    GArray *entries; /* RecordEntry */
    GArray *epochs;  /* RecordEpoch */
    uint64_t size;   /* of the disk */
} Recording;

/* Opens the recording in the file @path; ends the test where that cannot be read. */
Recording *recording_open(const char *path);
void recording_close(Recording *recording);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(Recording, recording_close)

const RecordEntry *recording_entry(const Recording *recording, guint number);
const RecordEpoch *recording_epoch(const Recording *recording, guint number);

/* Does to @disk what @entry did, but only to the bytes [@from, @from + @length) of it. */
void record_apply_part(const RecordEntry *entry, char *disk, uint64_t from, uint64_t length);
/* The same for the whole of it; nothing for what does not change the disk. */
void record_apply(const RecordEntry *entry, char *disk);
