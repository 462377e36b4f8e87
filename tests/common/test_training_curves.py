from hwlib.common.figures import training_curves


def test_training_curves_draw_both_splits_and_mark_epochs():
    history = {
        "train_loss": [3.0, 2.0, 1.0],
        "train_accuracy": [0.1, 0.2, 0.3],
        "validation_loss": [4.0, 3.0, 2.0],
        "validation_accuracy": [0.0, 0.1, 0.2],
    }
    loss, accuracy = training_curves(history, best_epoch=3, growth=(1, 2)).axes
    curves = {line.get_label(): line.get_xydata().tolist() for line in loss.lines}
    assert curves["training"] == [[1, 3], [2, 2], [3, 1]]  # epochs count from 1
    assert curves["validation"] == [[1, 4], [2, 3], [3, 2]]
    marks = [line.get_xdata()[0] for line in accuracy.lines[2:]]
    assert marks == [3, 1.5, 2.5]
    (legend,) = loss.figure.legends
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels == ["training", "validation", "best epoch (3)", "pictures grow"]
