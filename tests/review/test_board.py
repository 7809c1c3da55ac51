"""Which label an item has after what was done, against the rules written out; merging, splitting, auditing."""

import numpy as np
import pytest
from reviewed import CLASSES, desk_of, make_clusters, make_propagated

from sslecho.errors import InputError
from sslecho.metrics.audit_sample import checked, sample_size
from sslecho.review import audit
from sslecho.review.board import ACCEPTED, REJECTED


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return make_clusters(tmp_path_factory.mktemp("board"), known="all")


@pytest.fixture(scope="module")
def unknown(tmp_path_factory):
    return make_clusters(tmp_path_factory.mktemp("unknown"), known="test")


@pytest.fixture
def desk(run, tmp_path):
    with desk_of(run, tmp_path / "review") as desk:
        yield desk


@pytest.fixture
def blind(unknown, tmp_path):
    with desk_of(unknown, tmp_path / "review") as desk:
        yield desk


@pytest.fixture
def hidden(run, tmp_path):
    """No label is known, of test patients neither."""
    with desk_of(run, tmp_path / "review", known=False) as desk:
        yield desk


def rows(*numbers):
    return np.array(numbers, np.int32)


def label_by_the_rules(desk, item):
    """The rules on top of board.py, one item at a time."""
    board, log = desk.board, desk.log
    name = log.word(int(board.name_of_group[board.group[item]]))
    if board.own[item] >= 0:
        return log.word(int(board.own[item]))
    if board.decision[item] == ACCEPTED:
        return name
    if desk.items.known[item] is not None:
        return desk.items.known[item]
    if board.decision[item] == REJECTED or desk.items.in_test[item]:
        return None
    return name


@pytest.mark.parametrize("which", ["desk", "blind", "hidden"])
def test_labels_follow_the_rules_whatever_was_done(which, request):
    desk = request.getfixturevalue(which)
    rng = np.random.default_rng(1)
    board, seen = desk.board, set()
    for _ in range(60):
        some = np.sort(rng.choice(len(desk.items), 4, replace=False)).astype(np.int32)
        group = int(rng.choice(board.group))
        kind = rng.integers(7)
        try:
            if kind == 0:
                board.name(group, str(rng.choice(["a4c", "plax", ""])))
            elif kind == 1:
                board.decide(str(rng.choice(["accept", "reject", "clear"])), some)
            elif kind == 2:
                board.relabel(some, str(rng.choice(["x", "plax", ""])))
            elif kind == 3:
                board.split(group, some)
            elif kind == 4:
                board.merge(rng.choice(board.group, 2).tolist(), "merged")
            else:
                board.undo()
        except InputError:
            continue
        labels = [desk.log.word(code) for code in board.labels.tolist()]
        assert labels == [label_by_the_rules(desk, item) for item in range(len(desk.items))]
        seen |= {*labels}
    assert len(seen) > 3


def test_merging_keeps_the_larger_one_and_asks_which_name(blind):
    board = blind.board
    sizes = [len(board.members(group)) for group in range(4)]
    board.name(0, "bar")
    board.merge([0, 3])
    assert len(board.members(0)) == sizes[0] + sizes[3]
    assert len(board.members(3)) == 0
    assert blind.log.word(int(board.name_of_group[0])) == "bar"
    board.name(1, "disk")
    with pytest.raises(InputError, match=r"different names \(bar, disk\)"):
        board.merge([0, 1])
    with pytest.raises(InputError, match="at least two"):
        board.merge([2, 2])
    board.merge([0, 1], "shape")
    assert blind.log.word(int(board.by_name[0])) == "shape"
    board.undo_to(1)
    assert [len(board.members(group)) for group in range(4)] == sizes


def test_splitting_makes_a_cluster_without_a_name_and_forgets_what_was_said_of_the_old_one(blind):
    board = blind.board
    board.name(0, "bar")
    items = board.members(0)[:3].astype(np.int32)
    board.decide("accept", items)
    blind.do({"do": "split", "group": 0, "items": items.tolist()})
    assert board.members(4).tolist() == items.tolist()
    assert board.name_of_group.tolist()[4] == -1
    assert (board.decision[items] < 0).all()
    assert board.title(4) == "Cluster 4, split off"
    with pytest.raises(InputError, match="not none and not all"):
        board.split(4, items)
    board.undo()
    assert (board.decision[items] == ACCEPTED).all()
    assert len(board.name_of_group) == 4


def test_splitting_in_two_cuts_where_the_embeddings_part(blind):
    board = blind.board
    board.merge([0, 1])
    merged = int(board.group[np.isin(blind.items.groups.of_item, [0, 1])][0])
    blind.do({"do": "split", "group": merged})
    found = [set(blind.items.groups.of_item[board.members(group)].tolist()) for group in (merged, 4)]
    assert sorted(map(sorted, found)) == [[0], [1]]


def test_accepting_needs_a_name_and_follows_it(blind):
    board = blind.board
    with pytest.raises(InputError, match="name the cluster first: to accept"):
        board.decide("accept", rows(0))
    with pytest.raises(InputError, match="no such item"):
        board.decide("accept", rows(10_000))
    item = int(board.members(1)[0])
    board.name(1, "dsik")
    board.decide("accept", rows(item))
    board.name(1, "disk")
    assert blind.log.word(int(board.labels[item])) == "disk"


def test_a_known_label_wins_over_a_name_until_a_person_says_otherwise(desk):
    board = desk.board
    board.name(3, "between")
    item = int(next(i for i in board.members(3) if not desk.items.in_test[i]))
    assert board.disputed[item]
    assert desk.log.word(int(board.labels[item])) in CLASSES
    board.decide("accept", rows(item))
    assert desk.log.word(int(board.labels[item])) == "between"
    assert not board.disputed[item]


def test_test_patients_get_no_guess_and_are_not_shown_unasked(blind):
    board, listing = blind.board, blind.listing
    board.name(0, "bar")
    shown = listing.items(0, show="all", order="typical")
    hidden = listing.items(0, show="test", order="typical")
    assert sorted([*shown, *hidden]) == board.members(0).tolist()
    assert not blind.items.in_test[shown].any()
    assert blind.items.in_test[hidden].all()
    blind.do({"do": "reject", "group": 0, "show": "all"})
    assert (board.decision[hidden] < 0).all()
    near = blind.neighbors.nearest(int(shown[0]), 12)
    assert not blind.items.in_test[near].any()
    assert not (blind.items.units[near] == blind.items.units[shown[0]]).any()


def test_orders_put_first_what_they_say(blind):
    listing, items = blind.listing, blind.items
    found = listing.items(1, show="all", order="uncertain")
    assert (np.diff(items.confidences[found]) >= 0).all()
    typical = listing.items(1, show="all", order="typical")
    n_units = len(set(items.units[typical].tolist()))
    assert len(set(items.units[typical[:n_units]].tolist())) == n_units  # every patient once before any twice
    cards = {card.group: card for card in listing.cards(order="disagreement")}
    assert next(iter(cards)) == 3  # what lies between the classes is surrounded by other clusters
    assert cards[3].n == (items.groups.of_item == 3).sum()
    assert [card.group for card in listing.cards(order="number")] == [0, 1, 2, 3]


def test_nearest_are_the_nearest_by_cosine(blind):
    vectors = np.asarray(blind.items.vectors, float)
    unit = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    for item in (0, 5):
        others = [
            other
            for other in range(len(unit))
            if blind.items.units[other] != blind.items.units[item] and not blind.items.in_test[other]
        ]
        wanted = sorted(others, key=lambda other: -float(unit[other] @ unit[item]))[:5]
        assert blind.neighbors.nearest(item, 5).tolist() == wanted


def test_the_audit_is_exact_and_knows_when_it_is_out_of_date(blind):
    board, sheet = blind.board, blind.audit
    with pytest.raises(InputError, match="no label to check"):
        sheet.draw()
    board.name(0, "bar")
    board.name(1, "disk")
    named = np.flatnonzero(board.merely_named)
    sheet.draw(errors_allowed=1)
    sample = sheet.sample
    assert set(sample.items.tolist()) == set(named.tolist())  # fewer than 93, so all of them
    assert sample.population == len(named)
    for place in range(len(named)):
        sheet.answer(place, place != 2)
    figures = sheet.figures()
    assert (figures["checked"], figures["errors"], figures["unchecked"]) == (len(named), 1, 0)
    assert figures["precision"] == figures["precision_low"] == 1 - 1 / len(named)  # all were looked at
    assert not figures["claimed"]
    assert not sheet.sample.out_of_date
    board.name(2, "down")
    assert sheet.figures()["out_of_date"]
    board.undo()
    assert not sheet.figures()["out_of_date"]
    sheet.answer(2, None)
    assert sheet.figures()["unchecked"] == 1


def test_a_part_of_the_labels_has_the_bounds_of_clopper_and_pearson(blind, monkeypatch):
    monkeypatch.setattr(audit, "sample_size", lambda *_, **__: 5)
    for group in range(3):
        blind.board.name(group, CLASSES[group])
    blind.audit.draw()
    assert len(set(blind.audit.sample.items.tolist())) == 5
    for place, right in enumerate([True, True, False, True, True]):
        blind.audit.answer(place, right)
    figures, population = blind.audit.figures(), int(blind.board.merely_named.sum())
    wanted = checked(1, 5, population=population)
    assert population > 5
    assert [figures[name] for name in ("precision", "precision_low", "precision_high", "at_least")] == list(wanted)
    assert sample_size(0.95) == 59


def test_what_the_naming_bought_is_said(blind):
    assert blind.figures()["said"].startswith("No cluster has a name yet")
    for group in (0, 1, 3):
        blind.board.name(group, "bar" if group == 3 else CLASSES[group])
    figures = blind.figures()
    pool = ~blind.items.in_test
    covered = pool & np.isin(blind.board.group, [0, 1, 3])
    assert figures["coverage"] == covered.sum() / pool.sum()
    assert figures["said"].startswith(f"3 names → {100 * covered.sum() / pool.sum():.0f} % of {pool.sum()} clips")


def test_a_propagation_is_reviewed_by_its_labels(tmp_path):
    run = make_propagated(tmp_path)
    with desk_of(run) as desk:
        titles = {card.title: card for card in desk.listing.cards(order="size")}
        assert {"Propagated: disk", "Unsure: nearest to disk", "Reached by no label"} <= titles.keys()
        assert titles["Propagated: disk"].name == "disk"
        assert titles["Unsure: nearest to disk"].name == ""
        with pytest.raises(InputError, match="nothing to undo"):
            desk.board.undo()
        desk.audit.draw()
        assert len(desk.audit.sample.items) == 5
        for place in range(5):
            desk.audit.answer(place, True)
        desk.export()
    lines = (run / "review" / "audit.csv").read_text().splitlines()
    assert lines[0] == "clip_id,label,correct"
    assert [line.rsplit(",", 1)[1] for line in lines[1:]] == ["yes"] * 5
