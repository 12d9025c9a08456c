/* What this process finds of its limits and rights: the controller runs it as a command of a new sandbox, before any of the
 * same sandbox policy is used. */
#ifndef RIGHTS_REPORT_H
#define RIGHTS_REPORT_H

#include <stdint.h>

/* Prints all to standard output; writes up to `bytes` into a file of the root folder, which it removes, and tries what must
 * be refused. Returns the exit status. */
int rights_report(uint64_t bytes);

#endif
