/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A restored domain has the XML that its save file holds. Where the device models' user may have
 * written that file, as in libvirt's own directory for them, its XML must not say which images of a
 * pool libvirt gives to the device model. */
#pragma once

#include "xml/domain.h"

/**
 * rl_saved_xml_require:
 * At 'restore begin': false with RL_ERROR_INVALID if a disk of @domain, or a layer below one, is an
 * image of a pool and only a save file says so that root alone did not write, that an emulator may
 * have had open (daemon-version.h), or that lies where another user can change names. Others that
 * say so: libvirt's definition of the domain, which is root's (as a disk that is written to, if the
 * save file says that); the notes on a dirty image, that the domain ran on it; of a layer, also
 * what rl_header_layers_may_be_below() says. A volume's name that stands for no volume of a reflink
 * pool must be in the definition. So it is with what rl_saved_xml_files_require() refuses
 * (saved-xml-files.h). Permits everything under other drivers than qemu's.
 */
bool rl_saved_xml_require(const RlDomain *domain, GError **error);

/**
 * rl_saved_xml_require_below:
 * The same for a save file that root alone did not write, with the definitions of libvirt below
 * @top instead of "/".
 */
bool rl_saved_xml_require_below(const char *top, const RlDomain *domain, GError **error);
