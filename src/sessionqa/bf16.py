"""Passages in bfloat16, by OpenVINO, when an index is built: docs/decisions/0017."""

from collections.abc import Collection, Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from sessionqa.encode import OnnxEncoder
from sessionqa.errors import ModelError, ModuleMissing
from sessionqa.exports import GRAPH, Outputs, Pieces, batches, feed, side_by_side

# Of bfloat16 larger batches are fastest than of float32.
BATCH_PIECES = 2048
REMEDY = 'set `precision = "fp32"` or "int8" in sessionqa.toml'


class Bf16Encoder(OnnxEncoder):
    """An export whose passages OpenVINO reads in bfloat16; questions are read as by any other."""

    def __init__(self, folder: Path, threads: int | None = None) -> None:
        """See OnnxEncoder.

        Raises ModuleMissing without OpenVINO, and ModelError on a processor without bfloat16.
        """
        super().__init__(folder, threads)
        if find_spec("openvino") is None:
            raise ModuleMissing(
                'to build an index with `precision = "bf16"` takes one more package: '
                f"run `pip install 'sessionqa[openvino]'`, or {REMEDY}"
            )
        import openvino

        # Two threads that hand over the first arrays of a process at once wait for each other for
        # ever: OpenVINO's bindings set up what they know of NumPy only then.
        openvino.Tensor(np.zeros(1, dtype=np.int64)).data.copy()
        core = openvino.Core()
        check_processor(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
        self._passages = core.compile_model(
            folder / GRAPH,
            "CPU",
            {
                "INFERENCE_PRECISION_HINT": "bf16",
                "INFERENCE_NUM_THREADS": self._model.threads,
                # As many batches are read side by side, each by one thread.
                "NUM_STREAMS": self._model.threads,
            },
        )

    def _run_all(self, pieces: Pieces) -> Iterator[tuple[list[int], Outputs]]:
        def run(rows: list[int]) -> Outputs:
            given = feed(
                [pieces[row] for row in rows], None, self._model.card["pad_id"], self._model.inputs
            )
            read = self._passages.create_infer_request().infer(given)
            return [np.asarray(output) for output in read.values()]

        cut = batches([len(ids) for ids in pieces], BATCH_PIECES)
        return side_by_side(run, cut, self._model.threads)


def check_processor(capabilities: Collection[str]) -> None:
    """Raises ModelError if "BF16" is not among what OpenVINO says that the processor can do."""
    if "BF16" not in capabilities:
        raise ModelError(
            "this processor does not multiply bfloat16, and to imitate that would be slower than "
            f"float32: {REMEDY}"
        )
