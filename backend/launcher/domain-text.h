/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* May a domain have to do with a reflink pool? For the time when the program that knows cannot be
 * run: a quick look at the text of the domain's XML, and at the files that it names. */
#pragma once

#include <stdbool.h>

/**
 * rl_domain_text_read:
 * What is left on standard input, owned by the caller (free()); NULL where that cannot be read, or
 * is longer than any domain. A program that has begun to look at the domain has read it to the end,
 * so what is whole here was not touched.
 */
char *rl_domain_text_read(void);

/**
 * rl_domain_text_has_volume:
 * True unless the domain's XML @text is whole, and nothing in it can be a volume of ours: it names
 * no volume of any pool, no file called like a dirty image, no file below the marker of a reflink
 * pool, by its own path or by that which symbolic links lead to, and none that has an attribute of
 * ours, as each image has that was ever started, by whatever path it is reached. A file that is not
 * there is none: the hook alone makes dirty images, and libvirt starts no domain without its file.
 * What an overlay lies on is not seen here before libvirt has looked: 'start' has it.
 * Any doubt (a character reference in a path, a directory that cannot be searched) is true.
 * The first suspect is copied to @what, of @size bytes.
 */
bool rl_domain_text_has_volume(const char *text, char *what, unsigned size);
