/* The calls of idl/lsarpc.idl. */
#define FUZZ_INTERFACE ndr_lsarpc
#include "fuzz_ndr.h"
