/* The user, groups and capabilities of the model, as the sandbox policy gives them. */
#ifndef RIGHTS_H
#define RIGHTS_H

void rights_prepare(void);
/* Changes this process to the model's rights, irrevocably. Async-signal-safe. Returns 0 or errno. */
int drop_rights(void);

#endif
