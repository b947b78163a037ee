# SPDX-License-Identifier: LGPL-2.1-or-later
# The libraries of common/ and xml/, built before: they do not depend on libvirt, so packages have them, and a machine
# that builds the module for another libvirt compiles the module alone.
if(NOT EXPAT_FOUND)
  message(FATAL_ERROR "ENGINE_DIR needs Expat: its libraries were built with that")
endif()

add_library(rl-common STATIC IMPORTED GLOBAL)
set_target_properties(rl-common PROPERTIES IMPORTED_LOCATION ${ENGINE_DIR}/librl-common.a)
target_link_libraries(rl-common INTERFACE PkgConfig::GLIB)

add_library(rl-xml STATIC IMPORTED GLOBAL)
set_target_properties(rl-xml PROPERTIES IMPORTED_LOCATION ${ENGINE_DIR}/librl-xml.a)
target_include_directories(rl-xml SYSTEM INTERFACE ${LIBXML_INCLUDE_DIRS})
target_link_libraries(rl-xml INTERFACE rl-common PkgConfig::EXPAT ${CMAKE_DL_LIBS})
