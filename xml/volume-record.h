/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A volume's record as XML: a libvirt <volume> document with one element of ours. */
#pragma once

#include "common/format/volume-record.h"

#include <glib.h>

#define RL_RECORD_SIZE_MAX (64 << 10)     /* bytes of a record file */
#define RL_RECORD_NAME_MAX 4096           /* characters of a name or source */
#define RL_RECORD_CAPACITY_MAX G_MAXINT64 /* bytes; what a file can have */

/**
 * rl_xml_record_parse:
 * Parses a record: the @length bytes at @text. @what names it in messages. Elements of no namespace
 * that are not ours to know are passed over. The name and the source are not checked against the
 * rules of volume names; that is the engine's.
 *
 * Returns a record owned by the caller. Fails with RL_ERROR_XML as rl_xml_parse() does, above
 * RL_RECORD_SIZE_MAX, and if the name, the capacity or <reflink:volume> is missing, given twice or
 * out of range, if a snapshot has no source or another kind has one, or if anything else of our
 * namespace, or of a foreign one, is in it; the message names it.
 */
RlRecord *rl_xml_record_parse(const char *text, size_t length, const char *what, GError **error);

/**
 * rl_xml_record_format:
 * Returns the record of the volume @name as text, owned by the caller. @name and the source must be
 * UTF-8, not empty, without control characters; then reading it back gives an equal record.
 */
char *rl_xml_record_format(const RlRecord *record, const char *name);
