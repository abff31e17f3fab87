"""The training loop: batch, loss, gradients, update; now and then a validation and a checkpoint."""

from __future__ import annotations

import math
import time
from contextlib import ExitStack
from copy import deepcopy

import numpy as np

import minitensor as mt
from layers.norm import synchronise
from minitensor.distributed import Communicator, Gradients
from nets.data import Augmentation
from nets.plain_files import reason
from nets.training.average import WeightAverage
from nets.training.batches import Batches
from nets.training.build import build_net
from nets.training.checkpoint import save_checkpoint, shared_checkpoint
from nets.training.clock import Clock
from nets.training.continuing import OF_ADAMW, OF_SGD, check_saved
from nets.training.interruption import Interruption
from nets.training.losses import batch_maker, counts_of, terms_of
from nets.training.measure import MEASURES
from nets.training.progress import NoProgress, Progress
from nets.training.recipes import RECIPES, border_of, optimizer_of, set_rates, without_border
from nets.training.results import watch
from nets.training.run import BEST, CHECKPOINT, LAST
from nets.training.schedule import Schedule
from nets.training.together import SharedLoss, own_loss_terms, seed_of_step
from nets.training.validation import validate
from nets.weights import load_weights

VALIDATION_STREAM = 12  # the second word of the seed for the order of the validation images
VALIDATION_SHARE = 0.01  # one validation takes at most this share of a timed run
SHADE = 0.08  # see Augmentation
SHOW_SECONDS = 60.0
RECENT_STEPS = 20  # whose median says how long a step takes now
FORWARD_SHARE = 1 / 3  # of a train step: the forward pass, the part that a validation has too


def augmentation_of(config):
    """What happens to the training images. Pictures without top and bottom are microscope pictures: uneven light."""
    shade = SHADE if config.orientation == "free" else 0.0
    if config.recipe is not None:
        # the papers do not enlarge or shrink, and do not change the colours
        recipe = RECIPES[config.recipe]
        return Augmentation(config.crop, config.orientation, scale=(1.0, 1.0), elastic=recipe.elastic, color=0.0)
    return Augmentation(config.crop, config.orientation, shade=shade)


class Diverged(ArithmeticError):
    """The loss or a weight is no longer a finite number."""


class Interrupted(Exception):
    """The user asked to stop; everything is saved."""


class Training:
    """One run in memory: net, optimizer, schedule, and how far it has come.

    A new Training begins at step 0; `resume` continues from the run folder's checkpoint; `run` trains. Every step
    depends only on what the checkpoint contains, so it makes no difference how often a run is interrupted.
    """

    def __init__(self, run, train, validation, net=None, loss=None, augmentation=None, world=None):
        """net, loss and augmentation: the user's own (nets/training/library.py); None means those of the config.

        world   the processes that train together (nets/training/together.py); None: this one alone. Only the first of
                them writes into the run folder.
        """
        config = run.config
        self.world = world or Communicator()
        self.run_folder = run
        self.validation = validation
        mt.manual_seed(config.seed)
        self.net = (build_net(config.net) if net is None else net).to(config.device)
        twin = build_net(config.net) if net is None else deepcopy(net)
        self.average = WeightAverage(twin.to(config.device), self.net)
        if self.world.size > 1:
            synchronise(self.net, self.world)
        self.gradients = Gradients(self.net.parameters(), self.world)
        self.optimizer = optimizer_of(self.net, config)
        self.batches = Batches(
            train,
            config.normalization,
            augmentation or augmentation_of(config),
            config.batch,
            config.seed,
            without_border(batch_maker(config), border_of(config.net, config.crop)),
            self.world.share(config.batch),
        )
        self.measure = MEASURES[config.task]  # what decides which weights are the best
        class_weights = mt.tensor(np.array(config.class_weights, np.float32), device=config.device)
        self.own_loss = loss
        parts = (terms_of(config, class_weights), counts_of(config)) if loss is None else own_loss_terms(loss)
        self.loss = SharedLoss(*parts, self.world)
        self.schedule = Schedule(config.steps, config.seconds)
        self.step = 0
        self.elapsed = 0.0
        self.losses = []  # of every step
        self.step_seconds = []
        self.best_score = -1.0
        self.metrics = []
        self._validation_seconds = None  # of the last one
        self._shown = 0.0  # seconds of training when the pictures were last written
        order = np.random.default_rng([config.seed, VALIDATION_STREAM]).permutation(len(validation))
        self.validation_order = order  # shortened if a timed run has no time for all of them

    def start_from(self, path):
        """Begin with the weights of a file instead of random ones (`nets.load_weights`)."""
        load_weights(self.net, path, other_classes=True)
        self.average.net.load_state_dict(self.net.state_dict())

    def resume(self):
        """Continue the run from its checkpoint. A run that was killed before its first checkpoint begins again."""
        if self.world.from_first(self.run_folder.path(CHECKPOINT).is_file()):
            self._restore()
        self.metrics = self.world.from_first(self.run_folder.rewind_metrics(self.step) if self.world.first else None)

    @property
    def finished(self):
        """Whether all steps and the last validation are done, so that only the pictures may be missing."""
        validated = self.metrics[-1]["step"] if self.metrics else None
        return self.schedule.finished(self.step) and validated == self.step

    def _restore(self):
        path = self.run_folder.path(CHECKPOINT)
        saved = shared_checkpoint(path, self.world)
        try:
            kept = OF_ADAMW if self.run_folder.config.recipe is None else OF_SGD
            check_saved(saved, len(self.validation), sum(1 for _ in self.net.parameters()), kept)
            self._take(saved)
        except (ValueError, TypeError, KeyError, OverflowError) as error:
            said = error if isinstance(error, ValueError) else repr(error)
            raise ValueError(f"{path}: not a checkpoint of this run ({reason(said)})") from error

    def _take(self, saved):
        self.net.load_state_dict(saved["net"])
        self.average.net.load_state_dict(saved["average"])
        self.optimizer.load_state_dict(saved["optimizer"])
        self.schedule = Schedule(**saved["plan"])
        self.step, self.elapsed, self.best_score = saved["step"], saved["elapsed"], saved["best_score"]
        self.losses = saved["losses"].numpy().tolist()
        self.step_seconds = saved["step_seconds"].numpy().tolist()
        self.validation_order = saved["validation_order"].numpy()

    def extend(self, steps=None, seconds=None):
        """Let the run end at another point. Raises ValueError if nothing would be left to train."""
        self.schedule = self.schedule.extended(steps, seconds, self.step, self.elapsed, self._typical_step())

    def share_schedule(self):
        """Give all processes the schedule of the first one."""
        self.schedule = Schedule(**self.world.from_first(self.schedule.as_dict()))

    def ends_at(self, steps, seconds):
        """Whether this is the limit that the user gave already. (The steps of a timed run are measured, not given.)"""
        schedule = self.schedule
        return (steps, seconds) == ((schedule.steps, None) if schedule.seconds is None else (None, schedule.seconds))

    def _typical_step(self):
        """Seconds per step: the median, because the first steps of a process also fill caches."""
        return float(np.median(self.step_seconds)) if self.step_seconds else 1.0

    def run(self):
        """Train until the schedule is finished. Raises Diverged, or Interrupted after all is saved."""
        with ExitStack() as stack:
            interruption = stack.enter_context(Interruption())
            shown = Progress if self.world.first else NoProgress
            progress = stack.enter_context(shown(self.step, self.run_folder.config.batch, self.measure.name))
            batches = stack.enter_context(self.batches)
            if self.metrics:
                progress.validated(self.measure.of(self.metrics[-1]))
            clock = Clock(self.elapsed)
            self._share_weights()
            while True:
                self.elapsed, asked, checkpoint_due = self._agree(clock, interruption)
                if asked:
                    self.save()
                    raise Interrupted
                if checkpoint_due:
                    self.save()
                    clock.checkpoint_written()
                if self.schedule.validation_due(self.step, self.elapsed):
                    done = self._validate(clock, lambda _: not interruption.asked)
                    if not done:
                        continue
                    progress.validated(self.measure.of(self.metrics[-1]))
                    self.save()
                    clock.checkpoint_written()
                    self._show()
                if self.schedule.finished(self.step):
                    return
                began = time.perf_counter()
                self.losses.append(self.train_step(*batches[self.step]))
                self.step += 1
                self.step_seconds.append(time.perf_counter() - began)
                progress.step(self.losses[-1], self.step_seconds[-1], self.schedule.steps, self._left())

    def _show(self):
        """Now and then, write curves.png and report.html for whoever watches a long training."""
        if self.world.first and self.elapsed - self._shown >= SHOW_SECONDS and not self.schedule.finished(self.step):
            watch(self)
            self._shown = self.elapsed

    def _share_weights(self):
        """All processes begin with the weights of the first one."""
        if self.world.size > 1:
            for net in (self.net, self.average.net):
                for tensor in (*net.parameters(), *net.buffers()):
                    self.world.broadcast_(tensor.data)

    def _agree(self, clock, interruption):
        """(seconds of training, whether to stop, whether to write a checkpoint), the same in all processes.

        The first process's clock counts; anyone may ask to stop. Two processes that decided by their own clocks would
        sooner or later decide differently, and then wait for each other for ever.
        """
        first = self.world.first
        said = np.array([clock.now() if first else 0.0, interruption.asked, first and clock.checkpoint_due()], float)
        elapsed, asked, due = self.world.sum_(said)
        return float(elapsed), bool(asked), bool(due)

    def train_step(self, x, *truth):
        """One update of the weights, from the arrays of a batch; returns the loss before it."""
        config = self.run_folder.config
        rate = set_rates(self.optimizer, config, self.schedule.learning_rate_factor(self.step))
        self.net.train()
        mt.manual_seed(seed_of_step(config.seed, self.step, self.world.rank))
        self.optimizer.zero_grad()
        shares = self.loss.shares(*truth)
        scores = self.net(mt.tensor(x, device=config.device))
        loss = self.loss(shares, scores, *(mt.tensor(array, device=config.device) for array in truth))
        self.gradients.backward(loss)
        # after backward: a GPU has both passes to work on while this waits for the loss
        value = self.loss.value(loss)
        if not math.isfinite(value):
            raise Diverged(f"the loss of step {self.step + 1} is {value} (learning rate {rate:.3g})")
        self.optimizer.step()
        self.average.update(self.step + 1)
        return value

    def _validate(self, clock, proceed):
        """Validate, write down the result, and keep the weights if they are the best. False if interrupted."""
        first_timed = self.schedule.seconds is not None and self.schedule.steps is None
        result = validate(
            self.average.net,
            self.validation,
            self.run_folder.config,
            self.validation_order,
            VALIDATION_SHARE * self.schedule.seconds if first_timed else None,
            proceed,
            self.own_loss,
            self.world,
        )
        if result is None:
            return False
        self._check_weights()
        self.validation_order = self.validation_order[: result.images]
        self._validation_seconds = self.world.from_first(result.seconds)
        before = self.metrics[-1]["step"] if self.metrics else 0
        self.elapsed = self.world.from_first(clock.now())
        line = {
            "step": self.step,
            "seconds": round(self.elapsed, 3),
            "loss": float(np.mean(self.losses[before:])) if self.losses[before:] else None,
            "validation_loss": result.loss,
            "validation_images": result.images,
            **result.scores.as_dict(),
        }
        line = self.world.from_first(line)
        self.metrics.append(line)
        score = self.measure.of(line)
        if score >= self.best_score:  # if equal, the later weights: they have learned longer
            self.best_score = score
            if self.world.first:
                mt.save(self.run_folder.path(BEST), self.average.net.state_dict())
        if self.world.first:
            self.run_folder.append_metrics(line)
        typical = self.world.from_first(self._typical_step())
        self.schedule.after_validation(self.step, self.elapsed, typical, self._validation_seconds)
        return True

    def save(self):
        """Write last.safetensors and the checkpoint. If the weights diverged, raises Diverged and writes nothing."""
        self._check_weights()
        if not self.world.first:
            return
        average = self.average.net.state_dict()
        mt.save(self.run_folder.path(LAST), average)
        save_checkpoint(
            self.run_folder.path(CHECKPOINT),
            {
                "net": self.net.state_dict(),
                "average": average,
                "optimizer": self.optimizer.state_dict(),
                "plan": self.schedule.as_dict(),
                "step": self.step,
                "elapsed": self.elapsed,
                "best_score": self.best_score,
                "losses": np.array(self.losses, np.float64),
                "step_seconds": np.array(self.step_seconds, np.float32),
                "validation_order": self.validation_order,
            },
        )

    def best_net(self):
        """The net with its best weights, in evaluation mode. It is the averaged one, whose own weights are not needed
        any more when a training has ended.
        """
        self.average.net.load_state_dict(mt.load(self.run_folder.path(BEST)))
        return self.average.net.eval()

    def _check_weights(self):
        """Raise Diverged if a weight is not finite. The loss does not show this: it was computed before the update."""
        for name, tensor in self.net.state_dict().items():
            # One NaN or infinity makes the sum NaN or infinite. A sum is faster than checking each number.
            if not math.isfinite(float(tensor.data.sum())):
                raise Diverged(f"the weights {name} are no finite numbers after step {self.step}")

    def _left(self):
        """Seconds to the end, for the progress bar. Before the first validation, its time is estimated."""
        recent = float(np.median(self.step_seconds[-RECENT_STEPS:]))
        if self._validation_seconds is None:
            self._validation_seconds = recent * FORWARD_SHARE * self._pixels_of_validation()
        return self.schedule.seconds_left(self.step, self.elapsed, recent, self._validation_seconds)

    def _pixels_of_validation(self):
        """The pixels of the validation images, in those of a batch; from one image, if they have many sizes."""
        config = self.run_folder.config
        sample = self.validation.sample(int(self.validation_order[0]))
        return len(self.validation_order) * sample.label.size / (config.batch * math.prod(config.crop))
