/* The calls that are not finished, at most CALLS_MAX. */
#ifndef TABLE_H
#define TABLE_H

#include "call.h"

#define CALLS_MAX 8

/* The next call in the table after `call`, NULL for the first; NULL at the end. The call may be released meanwhile. */
struct call *table_next(const struct call *call);
/* The call with this number, or NULL. */
struct call *table_find(uint32_t number);
/* A free slot, or NULL. */
struct call *table_slot(void);

#endif
