/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Images that are to become a volume or a named revision, or to replace one. */
#pragma once

#include "common/operation/staged-image.h"
#include "harness/lab.h"

/* Begins it; the name says what it is to be. */
RlStagedImage *staged_begin(Lab *lab, const char *name);

/* Fills it with what @source is. */
void staged_fill(Lab *lab, RlStagedImage *draft, const char *source, uint64_t capacity);

void staged_write(RlStagedImage *draft, const char *text);

/* Replaces the volume with an image that begins with @text. */
void staged_replace(Lab *lab, const char *volume, const char *text);

/* Makes a named revision of what the volume is now. */
void staged_label(Lab *lab, const char *volume, const char *label);
