"""What the scripts of this folder share: their options, a bar on the terminal, the model's file."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tqdm import tqdm

from napari_unet.core.model.adapt import NewModel
from napari_unet.core.model.file import load_model, save_model
from napari_unet.core.model.spec import Model
from napari_unet.services.training.finetune import ResultSoFar, finetune
from napari_unet.services.training.options import FinetuneOptions

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from napari_unet.core.annotations.annotation import Annotation


@dataclass(frozen=True)
class Pretrained(NewModel):
    """A new model that begins with the weights of another one, whose tuning is not wanted.

    Attributes
    ----------
    weights
        The other one's file: of the same architecture, and of data that may be passed on as widely.
    """

    weights: Path = Path()

    def build(self) -> Model:
        """Build the model with those weights."""
        model = super().build()
        model.network.load_state_dict(load_model(self.weights).network.state_dict())
        return model


def chosen(text: str, name: str, steps: int) -> argparse.Namespace:
    """Read the command line: where the data are, how many steps to take, where the model goes."""
    arguments = argparse.ArgumentParser(description=text.splitlines()[0])
    arguments.add_argument("--data", type=Path, default=Path("../shared/data"))
    arguments.add_argument("--steps", type=int, default=steps)
    arguments.add_argument("-o", "--output", type=Path, default=Path(f"{name}.safetensors"))
    return arguments.parse_args()


def schedule(**own: Any) -> FinetuneOptions:
    """Return options to train from scratch on few images; what is not usual is given."""
    usual = {"minutes": None, "batch": 2, "learning_rate": 2e-3, "held_out": 0}
    return FinetuneOptions(**{**usual, **own})


def train(
    annotations: Sequence[Annotation],
    start: NewModel | Model,
    options: FinetuneOptions,
    output: Path,
    turned: Callable[[Model], Model] | None = None,
    **card: Any,
) -> Model:
    """Train, write the model with what its card says, and return it.

    An interrupted training goes on, and one that is done is not done again.

    Parameters
    ----------
    annotations
        What to learn from.
    start
        A network that knows nothing, or a model.
    options
        How; the training's state is kept beside the output.
    output
        The model file.
    turned
        What is done to the model before it is written.
    **card
        Fields of the model's description.
    """
    if output.exists():
        return load_model(output)
    job = finetune(annotations, start, options, state=output.with_suffix(".training"))
    with tqdm(total=options.steps, mininterval=5) as bar:
        while True:
            try:
                step = next(job)
            except StopIteration as stop:
                result = stop.value
                break
            bar.update(step.done - bar.n)
            if isinstance(step, ResultSoFar):
                bar.write(f"step {step.done:.0f}: {step.metrics}")
    # the last average, not the best: what little is held out is too few to choose by
    begun = f"the weights of {start.weights.stem}" if isinstance(start, Pretrained) else "scratch"
    told = {"origin": f"trained from {begun} by training/{Path(sys.argv[0]).name}"}
    provenance = result.model.spec.provenance.model_copy(update=told)
    spec = result.model.spec.model_copy(update={**card, "provenance": provenance})
    model = Model(spec, result.trainer.newest.network)
    model = turned(model) if turned else model
    save_model(model, output, half=True)
    return model
