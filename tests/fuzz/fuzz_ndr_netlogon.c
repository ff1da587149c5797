/* The calls of idl/netlogon.idl. */
#define FUZZ_INTERFACE ndr_netlogon
#include "fuzz_ndr.h"
