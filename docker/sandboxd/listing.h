/* Listing what is below a folder, in the worker. */
#ifndef LISTING_H
#define LISTING_H

#include "job.h"

_Noreturn void list_tree(const struct job *job);

#endif
