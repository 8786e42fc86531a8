/* SPDX-License-Identifier: MIT */
/* cmocka with the headers that it wants before itself. */
#ifndef UNIT_CMOCKA_ALL_H
#define UNIT_CMOCKA_ALL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/* In this order. */
#include <cmocka.h>

#endif
