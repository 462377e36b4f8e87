"""What a GPU makes of this homework, beside the CPU: at most six minutes, one command.

    python benchmarks/gpu.py --data-dir DIR --pack gpu_data.npz   (once: the real data, below 40 MB)
    python benchmarks/gpu.py --packed gpu_data.npz                (where the GPU is)
    python benchmarks/gpu.py --packed gpu_data.npz --device cpu --quick

Prints a table and writes it as JSON: Question 3's seconds and figures, the full training of the big
cats with the first fold held out, a training that is killed and goes on, and VGG16's forward pass.
The pack holds MNIST and the training pictures as JPEGs of the size that the training keeps in
memory, so that figures differ a little from those on the original files.
"""

import argparse
import io
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from timing import machine
from torch import Tensor
from torch.profiler import ProfilerActivity, profile
from torchvision.models import vgg16

from hwlib.common import data
from hwlib.common.device import choose_device, device_name
from hwlib.common.files import replacing
from hwlib.common.images import ImageSet, load_image_set
from hwlib.q3 import mlp
from hwlib.q3.experiments import untrained_network
from hwlib.q4_cats import cnn, folds, parallel, precision, training
from hwlib.q4_cats.folds import subset
from hwlib.q4_cats.recipe import Recipe
from hwlib.run.parameters import Parameters

LIMIT = 40e6  # bytes of a pack
QUALITY = 88  # of its JPEGs
RATE = 0.1  # of Question 3
KNOWN_SOLUTION = (0.1669, 0.9516, 0.2119, 0.9366)  # its figures at that rate, epoch 16
Rows = dict[str, Any]  # what was measured, by name


class Pack(NamedTuple):
    """MNIST, the training pictures, and which of these are held out (N,)."""

    mnist: data.Mnist
    pictures: ImageSet
    held_out: Tensor


def read_folder(data_dir: str) -> Pack:
    """Read the real data below a folder; the first fold is held out."""
    folder = data.locate("big_cats", data_dir, "real") / "train"
    pictures = load_image_set(folder, cnn.IMAGE_SIZE, cnn.CLASS_NAMES)
    return Pack(data.load_mnist(data_dir, "real"), pictures, folds.fold_numbers(pictures) == 1)


def to_jpeg(picture: Tensor) -> bytes:
    """Return a picture (3, S, S), uint8, as a JPEG."""
    file = io.BytesIO()
    Image.fromarray(picture.permute(1, 2, 0).numpy()).save(file, "JPEG", quality=QUALITY)
    return file.getvalue()


def write_pack(pack: Pack, path: Path) -> None:
    """Write a pack as one file; ValueError if it is too large to travel."""
    jpegs = [to_jpeg(picture) for picture in pack.pictures.images]
    arrays = {name: values.numpy() for name, values in pack.mnist._asdict().items()}
    arrays |= {
        "jpegs": np.frombuffer(b"".join(jpegs), np.uint8),
        "lengths": np.array([len(jpeg) for jpeg in jpegs]),
        "labels": pack.pictures.labels.numpy(),
        "held_out": pack.held_out.numpy(),
    }
    with replacing(path) as unfinished, unfinished.open("wb") as file:
        np.savez_compressed(file, **arrays)
    size = path.stat().st_size
    print(f"{path}: {len(jpegs):,} pictures and MNIST, {size / 1e6:.1f} MB")
    if size > LIMIT:
        raise ValueError(f"{path} is larger than {LIMIT / 1e6:.0f} MB")


def read_pack(path: Path) -> Pack:
    """Read what ``write_pack`` wrote."""
    arrays = np.load(path)
    mnist = data.Mnist(*(torch.from_numpy(arrays[name]) for name in data.Mnist._fields))
    pixels, ends = arrays["jpegs"].tobytes(), np.cumsum(arrays["lengths"])
    starts = ends - arrays["lengths"]
    jpegs = [pixels[start:end] for start, end in zip(starts, ends, strict=True)]
    images = np.stack([np.asarray(Image.open(io.BytesIO(jpeg))) for jpeg in jpegs])
    tensor = torch.from_numpy(images).permute(0, 3, 1, 2).contiguous()
    paths = [Path(str(number)) for number in range(len(jpegs))]
    pictures = ImageSet(tensor, torch.from_numpy(arrays["labels"]), paths, cnn.CLASS_NAMES)
    return Pack(mnist, pictures, torch.from_numpy(arrays["held_out"]))


def timed(task: Callable[[], Any], device: torch.device) -> tuple[float, Any]:
    """Return the seconds of a task until the device has finished it, and its result."""
    begun = time.perf_counter()
    result = task()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter() - begun, result


def operations(task: Callable[[], Any], device: torch.device) -> int:
    """Return how many kernels a task launches on a GPU; on a CPU, how many operations of torch are
    called, those within others among them.
    """
    on_gpu = device.type == "cuda"
    kinds = [ProfilerActivity.CPU, ProfilerActivity.CUDA] if on_gpu else [ProfilerActivity.CPU]
    with profile(activities=kinds) as record:
        timed(task, device)
    word = "LaunchKernel" if on_gpu else "aten::"
    return sum(event.count for event in record.key_averages() if word in event.key)


def counted(device: torch.device) -> str:
    """Return what ``operations`` counts on a device."""
    return "kernel launches" if device.type == "cuda" else "operations"


def measure_digits(pack: Pack, device: torch.device, epochs: int) -> Rows:
    """Train Question 3's network on the device, and for comparison on the CPU."""
    rows, histories = {}, []
    for place in dict.fromkeys((device, torch.device("cpu"))):
        digits = mlp.prepare_digits(*pack.mnist, device=place)
        network = untrained_network(digits, 42, lr=RATE)
        seconds, history = timed(lambda n=network, d=digits: mlp.train(n, d, epochs), place)
        rows[f"Q3: seconds of {epochs} epochs, {place.type}"] = round(seconds, 1)
        last = [round(values[-1], 4) for values in history.values()]
        rows[f"Q3: last figures, {place.type}"] = last
        histories.append(torch.tensor(list(history.values())))
    rows["Q3: last figures, known solution (16 epochs)"] = list(KNOWN_SOLUTION)
    if device.type != "cpu":
        gap = (histories[0] - histories[1]).abs().max().item()
        rows["Q3: largest difference from the CPU"] = gap
    digits = mlp.prepare_digits(*pack.mnist, device=device)
    x, y = digits.x_train[:320], digits.y_train[:320]
    network = untrained_network(digits, 42, lr=RATE)
    count = operations(lambda: mlp.train_epoch(network, x, y), device)
    return rows | {f"Q3: {counted(device)} a step": round(count / 10, 1)}


def measure_cats(pack: Pack, device: torch.device, epochs: int) -> Rows:
    """Train the big-cats network with the first fold held out; its score is the last epoch's."""
    train, held_out = subset(pack.pictures, ~pack.held_out), subset(pack.pictures, pack.held_out)
    recipe = Recipe(epochs=epochs)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
    seconds, trained = timed(
        lambda: training.train_classifier(cnn.BigCatsNet, train, held_out, recipe, 1, device),
        device,
    )
    correct = round(trained.history["validation_accuracy"][-1] * len(held_out.labels))
    rows: Rows = {
        f"Q4: seconds of {epochs} epochs of {len(train.labels):,} pictures": round(seconds, 1),
        "Q4: right on the held-out fold": f"{correct} of {len(held_out.labels)}",
        "Q4: short type": str(precision.short_type(device)),
    }
    if device.type == "cuda":
        peak = torch.cuda.max_memory_allocated(device) / 1e6
        rows["Q4: peak memory, MB"] = round(peak)
    few = subset(train, torch.arange(len(train.labels)) < 10 * recipe.batch_size)
    state = training.initial_state(cnn.BigCatsNet, few, recipe, device)
    resized = training.resize_for(few, recipe.size(0), device)
    with parallel.workers(1) as pool:
        training.run_epoch(state, resized, recipe, pool)
        count = operations(lambda: training.run_epoch(state, resized, recipe, pool), device)
    return rows | {f"Q4: {counted(device)} a step": round(count / recipe.steps(len(few.labels)))}


def train_a_little(few: ImageSet, device: str, checkpoint: Path) -> None:
    """Train for a few epochs with a checkpoint, in a process that may be killed."""
    recipe = Recipe(epochs=6, sizes=((96, 1.0),))
    training.train_classifier(cnn.BigCatsNet, few, few, recipe, 1, device, checkpoint)


def measure_resumption(pack: Pack, device: torch.device) -> Rows:
    """Kill a training after its first epoch or later, let it go on, and compare its end with that
    of one that was not disturbed.
    """
    few = subset(pack.pictures, torch.arange(len(pack.pictures.labels)) % 13 == 0)
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        whole, killed = Path(folder, "whole.pt"), Path(folder, "killed.pt")

        def start(path: Path) -> multiprocessing.process.BaseProcess:
            process = context.Process(target=train_a_little, args=(few, str(device), path))
            process.start()
            return process

        first = start(killed)
        while first.is_alive() and not killed.exists():
            time.sleep(0.01)
        first.kill()
        first.join()
        finished = len(torch.load(killed, map_location="cpu")["history"]["train_loss"])
        for path in (killed, whole):
            start(path).join()
        ends = [torch.load(path, map_location="cpu")["average"] for path in (killed, whole)]
    gaps = [(ends[0][name] - ends[1][name]).abs().max().item() for name in ends[0]]
    return {
        "Q4: epochs before the kill, of 6": finished,
        "Q4: largest difference after a kill": max(gaps),
    }


@torch.no_grad()
def measure_vgg(device: torch.device, batch_size: int) -> Rows:
    """Time VGG16's forward pass, with random weights, on the device and on the CPU."""
    torch.manual_seed(0)
    network, x = vgg16(weights=None).eval(), torch.rand(batch_size, 3, 224, 224)
    rows, logits = {}, []
    for place in dict.fromkeys((torch.device("cpu"), device)):
        moved, pictures = network.to(place), x.to(place)
        timed(lambda n=moved, p=pictures: n(p), place)
        seconds, answer = timed(lambda n=moved, p=pictures: n(p), place)
        rows[f"VGG16: seconds for {batch_size} pictures, {place.type}"] = round(seconds, 3)
        logits.append(answer.cpu())
    if device.type != "cpu":
        gap = (logits[0] - logits[1]).abs().max() / logits[0].abs().max()
        rows["VGG16: largest difference of a logit, relative"] = gap.item()
    return rows


def measure(pack: Pack, device: torch.device, quick: bool) -> Rows:
    """Measure everything, and print each figure as soon as it is known."""
    if quick:  # a tenth of the pictures, and a few epochs
        every_tenth = torch.arange(len(pack.held_out)) % 10 == 0
        pictures = subset(pack.pictures, every_tenth)
        pack = pack._replace(pictures=pictures, held_out=pack.held_out[every_tenth])
    rows: Rows = {"device": device_name(device), "machine": machine(), "quick": quick}
    parts: list[Callable[[], Rows]] = [
        lambda: measure_digits(pack, device, 1 if quick else Parameters().mlp_epochs),
        lambda: measure_cats(pack, device, 2 if quick else Parameters().cnn_epochs),
        lambda: measure_resumption(pack, device),
        lambda: measure_vgg(device, 2 if quick else 32),
    ]
    for part in parts:
        rows |= part()
    return rows


def main() -> None:
    """Pack the data, or measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", default="data", help="holds MNIST/raw and big_cats/train")
    parser.add_argument("--pack", type=Path, help="write the data to this file, and stop")
    parser.add_argument("--packed", type=Path, help="read the data from such a file")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N")
    parser.add_argument("--quick", action="store_true", help="a minute: few pictures and epochs")
    parser.add_argument("--out", type=Path, default=Path("out/benchmarks/gpu.json"))
    options = parser.parse_args()
    pack = read_pack(options.packed) if options.packed else read_folder(options.data_dir)
    if options.pack:
        write_pack(pack, options.pack)
        return
    begun = time.perf_counter()
    rows = measure(pack, choose_device(options.device), options.quick)
    rows["seconds of this benchmark"] = round(time.perf_counter() - begun)
    width = max(map(len, rows))
    print("\n".join(f"{name:{width}}  {value}" for name, value in rows.items()))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with replacing(options.out) as unfinished:
        unfinished.write_text(json.dumps(rows, indent=1))


if __name__ == "__main__":
    main()
