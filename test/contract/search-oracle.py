"""What Python finds: reads {root, searches: [{pattern, globs}]} as JSON and prints, per search, the sorted list of
"path:line", or null where Python refuses the pattern, or takes more than a second, as its engine backtracks. `globs` is null, or a list of alternatives without braces."""

import fnmatch
import glob
import json
import os
import re
import signal
import sys
import warnings

warnings.simplefilter('error')


def files_below(root):
    for folder, _, names in os.walk(root):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                yield os.path.relpath(path, root)


def chosen(root, files, globs):
    if globs is None:
        return files
    found = set()
    for one in globs:
        if '/' in one:
            found |= set(glob.glob(one, root_dir=root, recursive=True, include_hidden=True))
        else:
            found |= {path for path in files if fnmatch.fnmatchcase(os.path.basename(path), one)}
    return [path for path in files if path in found]


class TooSlow(Exception):
    pass


def give_up(*_):
    raise TooSlow


def search(root, files, lines, pattern, globs):
    try:
        compiled = re.compile(pattern)
    except (re.error, RecursionError, OverflowError, FutureWarning, DeprecationWarning):
        return None
    signal.setitimer(signal.ITIMER_REAL, 1)
    try:
        return sorted(
            f'{path}:{number}'
            for path in chosen(root, files, globs)
            for number, line in enumerate(lines[path], 1)
            if compiled.search(line)
        )
    except TooSlow:
        return None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main():
    signal.signal(signal.SIGALRM, give_up)
    asked = json.load(sys.stdin)
    root = asked['root']
    files = list(files_below(root))
    lines = {}
    for path in files:
        with open(os.path.join(root, path), encoding='utf-8', newline='\n') as file:
            lines[path] = file.read().split('\n')
        if lines[path][-1] == '':
            lines[path].pop()
    json.dump([search(root, files, lines, one['pattern'], one['globs']) for one in asked['searches']], sys.stdout)


main()
