/* Searching regular text files below a folder, in the worker. */
#ifndef SEARCH_H
#define SEARCH_H

#include "job.h"

/* Answers EBADMSG where the pattern is not a POSIX extended regular expression. */
_Noreturn void search_tree(const struct job *job);

#endif
