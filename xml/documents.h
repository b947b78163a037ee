/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* The table that the engine is given to read and write its documents. */
#pragma once

#include "common/format/volume-record.h"

/**
 * rl_xml_documents:
 * Returns the functions of xml/pool-options.h and xml/volume-record.h; static. Cannot fail.
 */
const RlDocuments *rl_xml_documents(void);
