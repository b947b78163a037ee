# SPDX-License-Identifier: LGPL-2.1-or-later
# Removes what cmake --install put there, by the list MANIFEST that it wrote. A directory goes if its
# name is ours and nothing is left in it: no other one was made by us alone.
if(NOT EXISTS ${MANIFEST})
  message(FATAL_ERROR "${MANIFEST} is not there: nothing was installed from this build directory.")
endif()
file(STRINGS ${MANIFEST} files)
set(directories)
foreach(file ${files})
  set(file "$ENV{DESTDIR}${file}")
  message(STATUS "Removing: ${file}")
  file(REMOVE ${file})
  # Links to what is not there do not "exist".
  if(EXISTS ${file} OR IS_SYMLINK ${file})
    message(FATAL_ERROR "${file} could not be removed: are you root?")
  endif()
  cmake_path(GET file PARENT_PATH directory)
  while(directory MATCHES "/libvirt-reflink(/|$)")
    list(APPEND directories ${directory})
    cmake_path(GET directory PARENT_PATH directory)
  endwhile()
endforeach()

# What lies deeper comes first.
list(REMOVE_DUPLICATES directories)
list(SORT directories ORDER DESCENDING)
foreach(directory ${directories})
  file(GLOB left LIST_DIRECTORIES TRUE ${directory}/* ${directory}/.*)
  if(IS_DIRECTORY ${directory} AND NOT left)
    file(REMOVE_RECURSE ${directory})
  endif()
endforeach()
