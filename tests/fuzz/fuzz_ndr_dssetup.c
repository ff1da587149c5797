/* The calls of idl/dssetup.idl. */
#define FUZZ_INTERFACE ndr_dssetup
#include "fuzz_ndr.h"
