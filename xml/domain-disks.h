/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A disk of a domain, as the hook needs it: where its image is, and what may be done with it. */
#pragma once

#include <glib.h>
#include <libxml/tree.h>
#include <stdbool.h>

#define RL_DISK_CHAIN_MAX 200 /* layers below a disk; libvirt's own limit */

/* The device that the guest sees. */
typedef enum {
    RL_DISK_DISK,
    RL_DISK_CDROM,
    RL_DISK_FLOPPY,
    RL_DISK_LUN,
} RlDiskDevice;

/* A volume named by pool and name. */
typedef struct {
    char *pool;
    char *volume;
} RlVolumeRef;

/* What libvirt does with a disk whose source is missing (formatdomain, startupPolicy). */
typedef enum {
    RL_STARTUP_MANDATORY, /* the start fails; also where nothing is said */
    RL_STARTUP_REQUISITE, /* the same, but a restore goes on without it */
    RL_STARTUP_OPTIONAL,  /* every start goes on without it */
} RlStartup;

typedef struct {
    char *target; /* the guest's name for it, as in target dev='xvda'; NULL if not said */
    RlDiskDevice device;
    char *path;    /* of the file or block device; NULL for all else, and without a medium */
    guint64 index; /* libvirt's number of the source in this run: each that the disk is given while
                      the domain runs has another one; 0 if not said */
    char *pool;    /* with volume, where the disk is given as a volume; else NULL */
    char *volume;
    char *format; /* as in driver type='qcow2'; NULL if not said */
    /* Where the image has its data in a file of its own (<dataStore>, libvirt 10.10 and later):
     * that is written to like the disk itself. */
    char *data_path;
    char *data_pool; /* with data_volume, where it is given as a volume; else NULL */
    char *data_volume;
    RlStartup startup;
    bool readonly; /* as said, and every CD-ROM */
    bool shareable;
    bool transient;
    GPtrArray *backing;         /* char *: paths of the files and devices below it, top first,
                                 * with those that have the data of such a layer */
    GPtrArray *backing_formats; /* char *: the format of each of these; "" if not said */
    GPtrArray *backing_volumes; /* RlVolumeRef: layers below it that are given as volumes */
    char *mirror;               /* the path that a block job copies to; else NULL */
    bool pivoting;              /* the emulator was told to go on on that, and may be by now */
} RlDisk;

/**
 * rl_xml_disk_from_node:
 * Reads the element @node, a <disk> of a domain. Elements and attributes it does not know are
 * passed over; sources of other types than file, block and volume leave no path.
 *
 * Returns a disk owned by the caller. Fails with RL_ERROR_XML, line first, if the device is
 * unknown, a volume lacks its pool or name, or more than RL_DISK_CHAIN_MAX layers, with the files
 * that have their data, are below it.
 */
RlDisk *rl_xml_disk_from_node(const xmlNode *node, GError **error);

/**
 * rl_disk_has_layers:
 * True if something lies below @disk: another layer, or the file that has its data.
 */
bool rl_disk_has_layers(const RlDisk *disk);

/**
 * rl_disk_free:
 * Frees @disk; nothing for NULL.
 */
void rl_disk_free(RlDisk *disk);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RlDisk, rl_disk_free)
