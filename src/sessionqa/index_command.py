"""What `sessionqa index` does: it builds, plans, watches, checks, mends, and goes back."""

import argparse
import sys
from collections.abc import Callable

from sessionqa.assistant import build_index
from sessionqa.corpus import read_corpus
from sessionqa.encode import fingerprint
from sessionqa.errors import CorpusError, IndexDamaged, SessionQAError
from sessionqa.index import Manifest
from sessionqa.index.publish import only_builder
from sessionqa.index.stores import Store, store_of
from sessionqa.models import encoder_for_building
from sessionqa.settings import Settings

DONE = 0
TICK_MS = 500
# So many codes of sessions are told of each kind.
MOST_TOLD = 5

Report = Callable[[str, int, int], None]


def run(arguments: argparse.Namespace, settings: Settings, report: Report) -> int:
    """Runs the command and returns its exit code. Raises SessionQAError."""
    if arguments.dry_run:
        return _plan(settings)
    if arguments.verify:
        return _verify(settings)
    if arguments.rollback:
        manifest = store_of(settings).roll_back()
        print(f"{_told(settings, manifest)}, made {manifest.created}")
        return DONE
    if arguments.repair:
        return _repair(settings, report, arguments.ray)
    manifest = build_index(settings, report, force=arguments.force, ray=arguments.ray)
    print(_told(settings, manifest), flush=True)
    return _watch(settings, manifest, report) if arguments.watch else DONE


def _told(settings: Settings, manifest: Manifest) -> str:
    counts = ", ".join(f"{count} {name}" for name, count in manifest.counts.items())
    return f"{store_of(settings)}: {counts} (build {manifest.build})"


def _plan(settings: Settings) -> int:
    """Says what a build would do."""
    from sessionqa.index.upkeep import changes

    store = store_of(settings)
    made_by = fingerprint(settings.model, settings.precision)
    with store.earlier() as before:
        sessions = read_corpus(settings.corpus, before.sessions() if before else None)
    found = changes(sessions, made_by, settings, store.known())
    if not found:
        print(f"nothing to do: all {found.unchanged:,} sessions are in the live build as they are")
        return DONE
    for reason in found.reasons:
        print(reason)
    for name in ("new", "changed", "removed"):
        codes: tuple[str, ...] = getattr(found, name)
        shown = ", ".join(codes[:MOST_TOLD]) + (" ..." if len(codes) > MOST_TOLD else "")
        print(f"{name:9}  {len(codes):,}{f'  ({shown})' if codes else ''}")
    print(f"unchanged  {found.unchanged:,}")
    return DONE


def _verify(settings: Settings) -> int:
    """Reads every file against its checksum; raises IndexDamaged for those that are damaged."""
    damaged = []
    for one in store_of(settings).verify():
        print(f"{'damaged' if one.damaged else 'whole':7}  {one.kind} {one.place}")
        damaged += [f"{one.place}: {name}" for name in one.damaged]
    if damaged:
        raise IndexDamaged(
            f"{', '.join(damaged)}: not as written, by the checksums: run `sessionqa index "
            "--repair`"
        )
    return DONE


def _repair(settings: Settings, report: Report, ray: str | None) -> int:
    """Removes what is damaged, and makes it again; without a corpus goes back to a whole build."""
    store = store_of(settings)
    with only_builder(settings.index, settings.place):
        damaged = store.remove_damaged()
    for one in damaged:
        print(f"damaged  {one.kind} {one.place}: {', '.join(one.damaged)}")
    try:
        broken = any(one.kind == "live build" for one in damaged)
        manifest = build_index(settings, report, force=broken, ray=ray)
    except CorpusError as error:
        print(f"sessionqa: not built again from the corpus: {error}", file=sys.stderr)
        manifest = _without_corpus(settings, store, report)
    with only_builder(settings.index, settings.place):
        # The one that was live until now.
        store.remove_damaged()
    print(f"whole    {_told(settings, manifest)}")
    return DONE


def _without_corpus(settings: Settings, store: Store, report: Report) -> Manifest:
    """The live build if it is whole, or else the latest before it that is."""
    with only_builder(settings.index, settings.place):
        encoder_for_building(settings, report)
    found = store.known()
    return found.manifest if found and found.is_live else store.roll_back()


def _watch(settings: Settings, manifest: Manifest, report: Report) -> int:
    """Builds whenever a file of the corpus changes, until it is interrupted."""
    from watchfiles import watch

    live = manifest
    watching = False
    steps = watch(
        settings.corpus,
        watch_filter=_is_session,
        rust_timeout=TICK_MS,
        yield_on_timeout=True,
        raise_interrupt=False,
    )
    try:
        for changed in steps:
            # By the first step it watches: what changed before, since the build, is not lost.
            if changed or not watching:
                live = _follow(settings, live, report)
            if not watching:
                print(f"sessionqa: watching {settings.corpus}; Ctrl-C ends it", file=sys.stderr)
                watching = True
    except OSError as error:
        raise CorpusError(
            f"{settings.corpus} can be watched no more ({error.strerror or error}): see that it "
            "is there, and start again"
        ) from error
    return DONE


def _follow(settings: Settings, live: Manifest, report: Report) -> Manifest:
    """Brings the index up to date, and returns the manifest of the build that is live then."""
    try:
        manifest = build_index(settings, report)
    except SessionQAError as error:
        # What is being written may be half there: the next change may mend it.
        print(f"sessionqa: {error}", file=sys.stderr)
        return live
    if manifest.number != live.number:
        print(_told(settings, manifest), flush=True)
    return manifest


def _is_session(_change: object, path: str) -> bool:
    return path.endswith(".md")
