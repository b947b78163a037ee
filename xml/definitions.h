/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whose image is this? What libvirt has written of its domains, where an image's own attributes say
 * too little: it asks no hook when a running domain is given a disk, nor when an external snapshot
 * is made. For a doubt only: all of its files are read. */
#pragma once

#include <glib.h>
#include <stdbool.h>

#include "domain.h"

/**
 * rl_xml_definitions_find:
 * Returns the name of a domain that has the dirty image at the absolute path @image as a layer
 * below a disk, or with @directly as a disk as well; owned by the caller, NULL where none is known.
 * Not the domain with the UUID @except, which may be NULL, nor those of the names @let_go
 * (NULL-terminated; may be NULL).
 *
 * Read are the domains that run, with the layers they have now; those that are defined, of which
 * libvirt writes only the upper layers down; and the snapshots it keeps a record of, which say what
 * lies below. A file of another format whose name is what libvirt makes of @image's for an overlay
 * counts as one. A record counts for what it calls an overlay whichever domain has that now, and by
 * itself where no definition has its disk: see lone-overlays.h. A
 * symbolic link is followed, unless it leads onto a file system that is not known to be local. A
 * volume of the image's name counts as it where libvirt knows no pool of the pool's name: that may
 * have another one now. No image is opened, but this one may be, to ask when it was made. What
 * cannot be read, or is no XML, is passed over: libvirt does so, too. The directory of the
 * snapshots belongs to the device models' user: no link in it is followed, and a domain whose
 * snapshots are behind one, cannot be opened at once, or are beyond 20,000 files, 32 MiB or 10
 * seconds of all that one search reads, counts as one that has an overlay on @image; the log says
 * why.
 */
char *rl_xml_definitions_find(const char *image, bool directly, const char *except,
                              const char *const *let_go);

/**
 * rl_xml_definitions_find_below:
 * The same with the directories of libvirt below @top instead of "/".
 */
char *rl_xml_definitions_find_below(const char *top, const char *image, bool directly,
                                    const char *except, const char *const *let_go);

/**
 * rl_xml_definitions_doubt:
 * Returns why rl_xml_definitions_find(), not @directly, has named @domain for @image where that is
 * a doubt: a sentence that names the directory of the snapshots that cannot be read, owned by the
 * caller. NULL where it is none. It searches again: for a message only.
 */
char *rl_xml_definitions_doubt(const char *image, const char *domain);

/**
 * rl_xml_definitions_doubt_below:
 * The same with the directories of libvirt below @top instead of "/".
 */
char *rl_xml_definitions_doubt_below(const char *top, const char *image, const char *domain);

/**
 * rl_xml_definitions_find_running:
 * Returns the domain, running, that has the dirty image at the absolute path @image as a disk, or
 * with *@ret_overlaid below one; owned by the caller, NULL where none is known. Not the domain with
 * the UUID @except. Of the domains that run and of snapshots only root's own files count, for this
 * gives the image to the domain: libvirt 11.3.0 gives the directory of the former to the device
 * models' user.
 */
RlDomain *rl_xml_definitions_find_running(const char *image, const char *except,
                                          bool *ret_overlaid);

/**
 * rl_xml_definitions_find_running_below:
 * The same with the directories of libvirt below @top instead of "/".
 */
RlDomain *rl_xml_definitions_find_running_below(const char *top, const char *image,
                                                const char *except, bool *ret_overlaid);

/**
 * rl_xml_definitions_name_running:
 * Returns the name of a domain that runs and has the dirty image at the absolute path @image as a
 * disk or below one, owned by the caller; NULL where none is known. For a message, which gives
 * nobody anything: unlike rl_xml_definitions_find_running() it believes the device models' user,
 * and reads no snapshots.
 */
char *rl_xml_definitions_name_running(const char *image);

/**
 * rl_xml_definitions_name_running_below:
 * The same with the directories of libvirt below @top instead of "/".
 */
char *rl_xml_definitions_name_running_below(const char *top, const char *image);

/**
 * rl_xml_definitions_name_running_overlay:
 * Returns the name of a domain that runs and has the dirty image at the absolute path @image below
 * a disk, owned by the caller; NULL where none is known. Not the domain with the UUID @except. It
 * keeps the image as it is: so it believes the device models' user, and reads no snapshots.
 */
char *rl_xml_definitions_name_running_overlay(const char *image, const char *except);

/**
 * rl_xml_definitions_name_running_overlay_below:
 * The same with the directories of libvirt below @top instead of "/".
 */
char *rl_xml_definitions_name_running_overlay_below(const char *top, const char *image,
                                                    const char *except);

/**
 * rl_xml_definitions_has_let_go:
 * True if a domain with the UUID @uuid runs, and has the dirty image at the absolute path @image
 * neither as a disk nor below one. False where that cannot be told, as where the file that says so
 * is not root's alone.
 */
bool rl_xml_definitions_has_let_go(const char *image, const char *uuid);

/**
 * rl_xml_definitions_has_let_go_below:
 * The same with the directories of libvirt below @top instead of "/".
 */
bool rl_xml_definitions_has_let_go_below(const char *top, const char *image, const char *uuid);

/**
 * rl_xml_definitions_date:
 * Returns when libvirt last wrote its definition of the domain @name, in microseconds of the wall's
 * clock: the latest change of such a file. 0 where there is none.
 */
gint64 rl_xml_definitions_date(const char *name);

/**
 * rl_xml_definitions_date_below:
 * The same with the directories of libvirt below @top instead of "/".
 */
gint64 rl_xml_definitions_date_below(const char *top, const char *name);

/**
 * rl_xml_definitions_name:
 * True if libvirt's definition of the domain @name with the UUID @uuid, or its record of a snapshot
 * of that, says that the dirty image at the absolute path @image lies below a disk. Unlike the
 * functions above, this one permits something: a snapshot's record counts only if its file is
 * root's and has one name, as libvirt writes it; their directory belongs to the device models'
 * user.
 */
bool rl_xml_definitions_name(const char *image, const char *name, const char *uuid);

/**
 * rl_xml_definitions_read_below:
 * Returns libvirt's definition, in root's directories of it below @top, of the domain @name with
 * the UUID @uuid, owned by the caller; NULL where there is none.
 */
RlDomain *rl_xml_definitions_read_below(const char *top, const char *name, const char *uuid);

/**
 * rl_xml_definitions_name_below:
 * The same with the directories of libvirt below @top instead of "/".
 */
bool rl_xml_definitions_name_below(const char *top, const char *image, const char *name,
                                   const char *uuid);
