/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Whether a domain may have to do with a reflink pool, as far as the text of its XML and the files
 * that it names say, without a parser of XML: what libvirt would not write so is a doubt. */
#pragma once

#include <stdbool.h>

#include "image-path.h"

typedef struct {
    RlImageDoubt doubt;
    bool layers; /* a disk's image is said to need others */
} RlDomainLook;

/**
 * rl_domain_text_look:
 * Looks at every value of an attribute and every text of an element of the domain's XML @text that
 * may be a path, and at what lies there: @ret_look->doubt is RL_IMAGE_MAYBE where the domain may
 * have a volume of ours, as it names one of any pool, or what rl_image_look_at() takes for an
 * image, or where @text is not whole (or NULL), or is not as libvirt writes it; RL_IMAGE_DOUBT
 * where what it names would have to be looked at by the hook program. What <metadata> holds is not
 * looked at. An overlay may lie on an image of ours that only its header names: libvirt has looked
 * for those before it calls 'start', and then @ret_look->layers is true. The first suspect is
 * copied to @what, of @size bytes.
 */
void rl_domain_text_look(const char *text, RlDomainLook *ret_look, char *what, unsigned size);
