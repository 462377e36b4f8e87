"""The curves of a training, as the questions and their figures share them."""

History = dict[str, list[float]]  # figures by name, as ``train_loss``: one number an epoch
SPLIT_LABELS = {"train": "training", "validation": "validation", "test": "test"}
