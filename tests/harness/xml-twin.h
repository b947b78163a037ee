/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What plain-parser.h reads, beside what libxml2 reads of the same bytes. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/**
 * xml_twin_check:
 * True if the @length bytes at @text are read as plain ones, and then ends the program where
 * libxml2 refuses them, or makes other nodes of them.
 */
bool xml_twin_check(const char *text, size_t length);
