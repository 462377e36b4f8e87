"""Training pictures that no stored training classifies correctly while it holds them out, and those
whose label is wrong (Question 4.I.2).
"""

import pandas as pd

# By fold and index: pictures that do not show what their label says, judged by eye among those that
# stored trainings of their fold had wrong; doubtful ones are left out.
MISLABELLED = {
    (1, 2): ("AFRICAN LEOPARD/008.jpg", "jaguar"),
    (1, 8): ("AFRICAN LEOPARD/040.jpg", "jaguar"),
    (1, 17): ("AFRICAN LEOPARD/116.jpg", "jaguar"),
    (1, 27): ("AFRICAN LEOPARD/172.jpg", "cheetah"),
    (1, 179): ("JAGUAR/067.jpg", "leopard"),
    (1, 255): ("OCELOT/033.jpg", "house cat"),
    (1, 368): ("SNOW LEOPARD/180.jpg", "jaguar"),
    (2, 13): ("AFRICAN LEOPARD/064.jpg", "clouded leopard"),
    (2, 26): ("AFRICAN LEOPARD/131.jpg", "snow leopard"),
    (2, 172): ("JAGUAR/020.jpg", "leopard"),
    (3, 193): ("JAGUAR/152.jpg", "leopard"),
    (3, 252): ("OCELOT/017.jpg", "another small cat"),
    (3, 268): ("OCELOT/085.jpg", "clouded leopard"),
    (3, 358): ("SNOW LEOPARD/145.jpg", "leopard"),
    (4, 5): ("AFRICAN LEOPARD/028.jpg", "snow leopard"),
    (4, 14): ("AFRICAN LEOPARD/069.jpg", "jaguar"),
    (4, 86): ("CHEETAH/018.jpg", "leopard"),
    (4, 175): ("JAGUAR/049.jpg", "leopard"),
    (4, 186): ("JAGUAR/130.jpg", "leopard"),
    (4, 187): ("JAGUAR/131.jpg", "leopard"),
    (4, 192): ("JAGUAR/146.jpg", "leopard"),
    (4, 264): ("OCELOT/091.jpg", "serval"),
    (4, 292): ("OCELOT/233.jpg", "no animal"),
    (5, 23): ("AFRICAN LEOPARD/113.jpg", "jaguar"),
    (5, 193): ("JAGUAR/148.jpg", "snow leopard"),
    (5, 205): ("JAGUAR/225.jpg", "leopard"),
    (5, 246): ("LIONS/225.jpg", "no animal"),
}


def never_right(runs: pd.DataFrame) -> list[tuple[int, int]]:
    """Return the pictures, by fold and index, that none of the runs which hold them out and whose
    wrong answers are stored classifies correctly.
    """
    noted = runs[runs["wrong"].notna()]
    return [
        (fold, index)
        for fold, answers in noted.groupby("fold")["wrong"]
        for index in sorted(set.intersection(*map(set, answers)))
    ]


def never_right_text(runs: pd.DataFrame) -> str:
    """Return in sentences how many pictures no stored run classifies correctly, on the first fold
    and on the others, and how far the mistakes on the first fold are the same.
    """
    noted = runs[runs["wrong"].notna()]
    first, others = noted[noted["fold"] == 1], noted[noted["fold"] != 1]
    mistakes = first["wrong"].explode()
    often = mistakes.value_counts() > len(first) / 2
    shared = mistakes.isin(often.index[often]).mean()
    return (
        f"On the first fold, {len(never_right(first))} of {first['total'].iloc[0]} pictures were "
        f"classified wrongly by all {len(first)} trainings whose answers are stored. More than "
        f"half of these trainings are wrong on the same {often.sum()} pictures, to which "
        f"{shared:.0%} of all their mistakes belong. On the other folds, "
        f"{others.groupby('fold').size().min()} trainings or more have stored answers; all of a "
        f"fold's are wrong on {len(never_right(others))} of "
        f"{others.drop_duplicates('fold')['total'].sum():,} pictures."
    )


def wrong_labels_text(total: int) -> str:
    """Return in sentences how many of ``total`` training pictures have a wrong label, and what that
    means for every accuracy.
    """
    share = len(MISLABELLED) / total
    return (
        f"At least {len(MISLABELLED)} of the {total:,} training pictures do not show what their "
        "label says, judged by eye (jaguars and leopards are easily confused). By these labels, a "
        f"network that recognised every animal would have an accuracy of {1 - share:.1%} at most."
    )


def mislabelled_table() -> pd.DataFrame:
    """Return the mislabelled pictures, a row each: fold, picture, and what it shows."""
    rows = [(fold, path, shown) for (fold, _), (path, shown) in MISLABELLED.items()]
    return pd.DataFrame(rows, columns=["fold", "picture", "shows"])
