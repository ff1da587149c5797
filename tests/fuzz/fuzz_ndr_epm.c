/* The calls of idl/epm.idl. */
#define FUZZ_INTERFACE ndr_epm
#include "fuzz_ndr.h"
