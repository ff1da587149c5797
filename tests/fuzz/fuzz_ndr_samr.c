/* The calls of idl/samr.idl. */
#define FUZZ_INTERFACE ndr_samr
#include "fuzz_ndr.h"
