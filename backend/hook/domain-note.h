/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Notes (note.h) of one domain. Each driver of libvirt counts its domains for itself: under Xen one
 * of the libxl driver and one of the qemu driver can have the same UUID, at the same time. So the
 * driver is in a note's name, "WHAT-DRIVER-UUID". It was not, "WHAT-UUID", in what an earlier
 * version has noted of a domain that still runs: that is read where there is no other, and goes
 * when the note is written or removed. */
#pragma once

#include "note.h"
#include "xml/domain.h"

/**
 * rl_domain_note_write, rl_domain_note_read, rl_domain_note_is_there, rl_domain_note_remove:
 * As the functions of note.h, for the note @what of @domain.
 */
bool rl_domain_note_write(const char *what, const RlDomain *domain, const char *text,
                          GError **error);
char *rl_domain_note_read(const char *what, const RlDomain *domain, size_t size_max,
                          size_t *ret_length, GError **error);
bool rl_domain_note_is_there(const char *what, const RlDomain *domain);
bool rl_domain_note_remove(const char *what, const RlDomain *domain);

/**
 * rl_domain_note_reuse:
 * Makes the note @what of @domain, which is there and not needed any more, its note @to, with @text
 * of less than a page: for where there is no room for a new file. False with an errno.
 */
bool rl_domain_note_reuse(const char *what, const char *to, const RlDomain *domain,
                          const char *text, GError **error);
