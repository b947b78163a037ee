/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The two documents that lie in a pool, and libvirt's own of its domains, as the engine needs them.
 * The engine knows no XML: whoever opens a pool hands it the functions that read and write them
 * (xml/documents.h has them). */
#pragma once

#include "common/fs/tmpfile.h"
#include "pool-options.h"

#include <glib.h>
#include <stdint.h>

/* What is recorded of a volume that is not plainly persistent. */
typedef struct {
    RlKind kind;
    char *source;      /* the name of a snapshot's source volume, else NULL */
    uint64_t capacity; /* bytes; what a volatile (or larger snapshot) volume starts with */
    RlAccess access;   /* of a volatile volume's images; of others an image tells */
} RlRecord;

/**
 * rl_record_new:
 * Returns a record with the default access, owned by the caller; @source is copied and may be NULL.
 */
RlRecord *rl_record_new(RlKind kind, const char *source, uint64_t capacity);

/**
 * rl_record_free:
 * Frees @record; nothing for NULL.
 */
void rl_record_free(RlRecord *record);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlRecord, rl_record_free)

/* Parsers are given the document's bytes and @what, the file's name for messages; they fail with
 * RL_ERROR_XML. Formatters return text that their parser takes, owned by the caller. */
typedef struct {
    RlOptions *(*options_parse)(const char *text, size_t length, const char *what, GError **error);
    char *(*options_format)(const RlOptions *options);
    RlRecord *(*record_parse)(const char *text, size_t length, const char *what, GError **error);
    char *(*record_format)(const RlRecord *record, const char *name);
    /* The name of a domain with another UUID than @except (may be NULL), and none of the names
     * @let_go (NULL-terminated; may be NULL), that has the dirty image @image, an absolute path,
     * below a disk, or with @directly as a disk; owned by the caller. NULL where none is known. It
     * reads all that libvirt has on its domains: for a doubt only. */
    char *(*find_domain)(const char *image, bool directly, const char *except,
                         const char *const *let_go);
    /* The name of a domain that runs and has the dirty image @image as a disk or below one, owned
     * by the caller; NULL where none is known. For a message only. */
    char *(*find_running)(const char *image);
    /* The name of a domain with another UUID than @except that runs and has the dirty image @image
     * below a disk now, owned by the caller; NULL where none is known. */
    char *(*find_running_overlay)(const char *image, const char *except);
    /* Why @find_domain, without @directly, has named @domain for @image, if that cannot be told: a
     * sentence for the message, owned by the caller; else NULL. It reads as much. */
    char *(*find_doubt)(const char *image, const char *domain);
    /* True if the domain with the UUID @uuid runs, and has the dirty image @image neither as a disk
     * nor below one any more. */
    bool (*has_let_go)(const char *image, const char *uuid);
    /* When libvirt last wrote a definition of the domain @name, in microseconds of the wall's
     * clock; 0 where it has none. */
    gint64 (*defined_us)(const char *name);
} RlDocuments;
