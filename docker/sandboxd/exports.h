/* The output of a shell's `export -p`, read by the quoting rules of bash, dash and busybox. The text is untrusted, as the
 * model can make a shell print anything: it is parsed, never evaluated. */
#ifndef EXPORTS_H
#define EXPORTS_H

/* An environment, to be freed with strings_free; NULL where the text has none of the three forms. */
char **exports_parse(const char *text);

#endif
