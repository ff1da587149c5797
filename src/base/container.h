/*
 * container.h - from a member back to the struct that it stands in.
 */
#ifndef NT_BASE_CONTAINER_H
#define NT_BASE_CONTAINER_H

#include <stddef.h>

/* The struct `type` whose `member` is at `ptr`. The way through void is for compilers that see a
 * char * and doubt its alignment. */
#define NT_CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

#endif
