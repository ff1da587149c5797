/* The calls of idl/wkssvc.idl. */
#define FUZZ_INTERFACE ndr_wkssvc
#include "fuzz_ndr.h"
