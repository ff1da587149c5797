/* The calls of idl/srvsvc.idl. */
#define FUZZ_INTERFACE ndr_srvsvc
#include "fuzz_ndr.h"
