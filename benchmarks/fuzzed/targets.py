"""All targets by their names."""

from fuzzed import Target, files, imports, indexes

TARGETS: dict[str, Target] = {**imports.TARGETS, **files.TARGETS, **indexes.TARGETS}
