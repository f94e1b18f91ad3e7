"""Which files of an archive count, by their names: docs/use/archive.md, "Files that count"."""

import re
import sys

NAME = re.compile(r"(.*)/([^/]+)-([0-9]{15,20})-([0-9]{15,20})-([0-9]{1,3})\.parquet")


def of(listed):
    """Those of the paths that `listed()` returns that no other one of the same directory and sensor stands in for."""
    files = named(listed())
    merged = {}
    for place, first, last, level in files.values():
        if level > 0:
            merged.setdefault(place, []).append((first, last, level))
    counting = [
        path
        for path, (place, first, last, level) in files.items()
        if not any(low <= first and last <= high and level < above for low, high, above in merged.get(place, []))
    ]
    if not counting:
        sys.exit("there are no such files: is this the path of an archive?")
    # A list that was made while files were merged can show neither the merged file nor its parts; then a second one has a merged
    # file that is new. A file that is gone after that is an error of who reads it: no row is left out.
    if any(level > 0 and path not in files for path, (_, _, _, level) in named(listed()).items()):
        sys.exit("files were merged while they were listed: run it again")
    return counting


def named(paths):
    """Directory and sensor, the first and the last number, and the level of each path that is a file of an archive."""
    files = {}
    for path in sorted(paths):
        if name := NAME.fullmatch(path):
            directory, sensor, first, last, level = name.groups()
            files[path] = ((directory, sensor), int(first), int(last), int(level))
    return files
