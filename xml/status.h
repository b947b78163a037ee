/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What libvirt's qemu driver keeps about a running domain, to know it again after a restart: its
 * status file (virDomainObjFormat() in src/conf/domain_conf.c). */
#pragma once

#include "domain-disks.h"

#include <glib.h>

#define RL_STATUS_SIZE_MAX (19 << 19) /* bytes; a domain's XML, and libvirt's own part */

/* The words are libvirt's; those that the file leaves out are "none". */
typedef struct {
    char *uuid;        /* 36 characters, lower case */
    char *state;       /* virDomainState: "running", "paused", ... */
    char *reason;      /* why it is in that: "booted", "migration", ... */
    char *job;         /* virDomainJob: "none" or "destroy", others are not kept */
    char *async;       /* virDomainAsyncJob: "save", "migration in", ... */
    char *phase;       /* qemuMigrationJobPhase, of a migration: "prepare", "confirm3", ... */
    GPtrArray *copied; /* char *: targets of the disks whose storage a migration out takes along */
    GPtrArray *pivoting; /* RlDisk: those of which it is not told on what the emulator writes */
} RlStatus;

/**
 * rl_xml_status_parse:
 * Parses a status file: the @length bytes at @text. @what names it in messages. What it does not
 * know is passed over; words are not judged.
 *
 * Returns the status, owned by the caller. Fails with RL_ERROR_XML as rl_xml_parse() does, above
 * RL_STATUS_SIZE_MAX, if the root is no <domstatus> with a state and a reason, if there are several
 * <job>s, or if there is not exactly one <domain> with a UUID in it; and as rl_xml_disk_from_node()
 * does.
 */
RlStatus *rl_xml_status_parse(const char *text, size_t length, const char *what, GError **error);

/**
 * rl_status_free:
 * Frees @status; nothing for NULL.
 */
void rl_status_free(RlStatus *status);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlStatus, rl_status_free)
