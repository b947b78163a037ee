/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What comes after a power cut. */
#pragma once

#include "told.h"

/**
 * follow_on:
 * Tidies up, starts and stops each volume of the pool at @path, which a power cut at the end of
 * @epoch has left as it is, as the next boot's domains do; makes and deletes those of which only
 * parts are left. False with @error if one of that fails, if a revision gets a number that another
 * one had, or if anything is left behind.
 */
bool follow_on(const Told *told, guint epoch, const char *path, GError **error);
