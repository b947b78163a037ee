/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* What holds of every domain that was read; for the targets that read one. */
#pragma once

#include "xml/domain.h"

/* That it is complete, within its limits, and that a document which says the same reads the same.
 */
void check_domain(const RlDomain *domain);
