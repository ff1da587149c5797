#include "ndr/ndr.h"
