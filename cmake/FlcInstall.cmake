# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the flashcomm authors
#
# Install rules: the library, its headers and manual page, the command, flashcomm.pc and the
# CMake package.
#
# Both descriptions find their prefix from where they lie, so that an installed tree can be moved.

include(CMakePackageConfigHelpers)

set(flc_package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/flashcomm")
set(flc_pc_dir "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

set(flc_left_out PATTERN "with_cuda.h" EXCLUDE)
set(flc_pc_libs)
set(flc_pc_cflags)
if(FLC_CUDA)
    set(flc_left_out)
    set(flc_pc_cflags "-I${CUDAToolkit_INCLUDE_DIRS}")
    set(flc_pc_libs "-L${CUDAToolkit_LIBRARY_DIR} -lcudart_static -lpthread -ldl -lrt")
endif()

set_target_properties(flashcomm PROPERTIES
    VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR})
install(TARGETS flashcomm EXPORT flashcomm_targets)
install(TARGETS flashcomm_tool)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/flashcomm" TYPE INCLUDE
        FILES_MATCHING PATTERN "*.h" ${flc_left_out})
install(FILES "${PROJECT_SOURCE_DIR}/docs/man/flashcomm.3"
    DESTINATION "${CMAKE_INSTALL_MANDIR}/man3")
install(EXPORT flashcomm_targets NAMESPACE flashcomm:: DESTINATION "${flc_package_dir}")

configure_package_config_file(
    "${PROJECT_SOURCE_DIR}/cmake/flashcomm-config.cmake.in"
    "${PROJECT_BINARY_DIR}/flashcomm-config.cmake"
    INSTALL_DESTINATION "${flc_package_dir}" NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(
    "${PROJECT_BINARY_DIR}/flashcomm-config-version.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/flashcomm-config.cmake"
              "${PROJECT_BINARY_DIR}/flashcomm-config-version.cmake"
        DESTINATION "${flc_package_dir}")

file(RELATIVE_PATH flc_pc_to_prefix "/prefix/${flc_pc_dir}" "/prefix")
configure_file("${PROJECT_SOURCE_DIR}/flashcomm.pc.in" "${PROJECT_BINARY_DIR}/flashcomm.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/flashcomm.pc" DESTINATION "${flc_pc_dir}")
