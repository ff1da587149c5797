/*
 * test.h - cmocka and the headers that it wants before it.
 */
#ifndef NT_TESTS_TEST_H
#define NT_TESTS_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
