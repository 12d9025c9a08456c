/* Paths that begin with a tilde, as a shell reads them. */
#ifndef PLACE_H
#define PLACE_H

/* ~ and ~/x: below `home`. ~name and ~name/x: below that user's home; the path itself where there is no such user. */
char *expand_home(const char *path, const char *home);

#endif
